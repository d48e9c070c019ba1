"""The site: it builds without a warning, and every page of docs/ is in its navigation."""

import os
import re
import subprocess
import sys

import pytest


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site") / "html"
    result = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", folder],
        cwd=root,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return folder


def test_every_page_is_in_the_navigation(root):
    navigation = set(re.findall(r"[\w/]+\.md", (root / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(path.relative_to(root / "docs")) for path in (root / "docs").rglob("*.md")}
    assert pages == navigation


def test_python_pages_show_signatures_and_docstrings(site):
    page = (site / "api" / "layers" / "index.html").read_text(encoding="utf-8")
    assert 'id="rfv2_keras.layers.GatedAttentionUnit"' in page
    assert "arXiv 2104.09864" in page


def test_nothing_is_loaded_from_other_sites(site):
    for page in site.rglob("*.html"):
        loaded = re.findall(
            r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)', page.read_text(encoding="utf-8")
        )
        assert [address for address in loaded if "canonical" not in address] == [], page
