"""The curves of the sweep as a picture."""

from __future__ import annotations

from pathlib import Path

from neptune_frames.errors import MissingDependencyError


def draw_curves(path: Path) -> Path:
    """Draw the validation losses of all experiments to a PNG; forks are dashed where they left their parent."""
    try:
        import matplotlib
    except ImportError:
        raise MissingDependencyError("matplotlib", "Drawing the curves", "demo") from None
    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    import neptune_frames as nf

    losses = nf.scan_metrics(experiments="", attributes=["val/loss"], lineage_to_the_root=False).collect()
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    for (experiment,), curve in losses.sort("step").group_by("experiment", maintain_order=True):
        name = str(experiment)
        axes.plot(
            curve["step"],
            curve["value"],
            label=name.removeprefix("spirals/"),
            linestyle="--" if "cooled" in name else "-",
            linewidth=1.4,
        )
    axes.set(yscale="log", xlabel="step", ylabel="val/loss", title="Two spirals: validation loss of every run")
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    aside = path.with_name(f".{path.name}")
    figure.savefig(aside, format="png", dpi=120)
    plt.close(figure)
    return aside.replace(path)
