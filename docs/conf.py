"""How Sphinx builds the pages: ``make docs`` writes them to ``build/docs``, for use offline."""

from __future__ import annotations

import sys
from pathlib import Path

import softplex

sys.path.insert(0, str(Path(__file__).parent / "_extensions"))

project = "softplex"
version = release = softplex.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "blocks",
    "commands",
    "mathml",
    "names",
]
exclude_patterns = ["_extensions"]
highlight_language = "none"
smartquotes_action = "D"  # dashes, and quotation marks as they are typed
nitpicky = True  # every role leads somewhere; types in prose are not roles
nitpick_ignore_regex = [("py:class", ".*")]
add_module_names = False
toc_object_entries_show_parents = "hide"

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True}
autodoc_inherit_docstrings = False
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # the text says what is taken, with shapes and units
autosummary_generate = False
napoleon_google_docstring = False
napoleon_custom_sections = [("Attributes", "params_style")]
napoleon_use_rtype = False

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = f"softplex {version}"
html_math_renderer = "mathml"
html_static_path = ["_static"]
html_css_files = ["softplex.css"]
html_copy_source = False
html_show_copyright = False
html_theme_options = {
    "light_css_variables": {
        "color-brand-primary": "#1c5d9f",
        "color-brand-content": "#1c5d9f",
    },
    "dark_css_variables": {
        "color-brand-primary": "#7db8ee",
        "color-brand-content": "#7db8ee",
    },
}
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
