"""The notebook runs, and shows what it promises."""

from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.filterwarnings("ignore")
def test_the_notebook_explains():
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLES / "explanations.ipynb", as_version=4)
    where = {"metadata": {"path": str(EXAMPLES)}}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3", resources=where).execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = [output["text"] for output in outputs if "text" in output]
    pages = [output["data"]["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert any(text.startswith("urgency = soon is certain to degree 0.70") for text in texts), texts
    assert any(text.startswith("urgency is unknown") for text in texts), texts
    assert len(pages) == 1 and "<iframe" in pages[0] and "temperature" in pages[0]
    assert any("; if it falls" in text or "; if it rises" in text for text in texts), texts
