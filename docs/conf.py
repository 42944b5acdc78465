"""The site's configuration: ``tox run -e docs`` builds it. Its pages are docs/*.md, as they are read in the repository."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "pytest-kind-native"
copyright = "the authors of pytest-kind-native, Apache-2.0"  # noqa: A001 - Sphinx' name
release = version = metadata.version(project)
html_title = project

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton", "kind_docs"]
exclude_patterns = ["_build"]
smartquotes = False  # options begin with two dashes, also where they are in no code
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_extra_path = ["cluster.schema.json"]
html_show_sourcelink = False
html_copy_source = False

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4  # the anchors of headings that GitHub makes, for links to them
copybutton_prompt_text = "$ "

nitpicky = True
# What has no page here: other packages, whose inventories are not fetched while building, and modules of ours that are not public.
nitpick_ignore_regex = [("py:.*", r"(?!pytest_kind\.(Kind|ClusterConfig|ConfigError|BootError|config\.types|errors|hookspecs)).*")]

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_use_type_comments = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 100
toc_object_entries_show_parents = "hide"
napoleon_numpy_docstring = False
