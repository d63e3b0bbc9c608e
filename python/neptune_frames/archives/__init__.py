"""Looking after archives: what one holds, whether it is whole, and bringing one into another layout."""
