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
    curves = losses.sort("step").partition_by("experiment", as_dict=True, include_key=False)
    best_last = sorted(curves.items(), key=lambda item: -item[1]["value"][-1])
    figure, axes = plt.subplots(figsize=(9, 5.5), layout="constrained")
    colors = plt.get_cmap("turbo")
    for place, ((experiment,), curve) in enumerate(best_last):
        name = str(experiment).removeprefix("spirals/")
        style = "--" if "cooled" in name else "-"
        color = colors(1 - place / len(best_last))
        axes.plot(curve["step"], curve["value"], style, color=color, label=name, linewidth=1.4)
    axes.set(yscale="log", xlabel="step", ylabel="val/loss", title="Two spirals: validation loss of every run")
    axes.legend(fontsize=7, ncols=2)
    axes.grid(alpha=0.3)
    aside = path.with_name(f".{path.name}")
    figure.savefig(aside, format="png", dpi=120)
    plt.close(figure)
    return aside.replace(path)
