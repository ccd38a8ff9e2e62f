"""The parts of the HTML report: elements, the timeline of a golden, plots, and one file per section of the page."""
