"""Formulas of Markdown as MathML, which pages show without a script and without a network."""

import re


def set_aside(text: str, formulas: list[str]) -> str:
    """Markdown with words in the place of its formulas, whose MathML is added to the list ``formulas``."""
    from latex2mathml.converter import convert

    def formula(match):
        code, block, inline = match.groups()
        if code:
            return code
        formulas.append(convert(block or inline, display="block" if block else "inline"))
        return f"formula{len(formulas) - 1}elumrof"

    return re.sub(r"(```.*?```|`[^`]*`)|\$\$(.+?)\$\$|\$(?!\s)([^$]+?)\$", formula, text, flags=re.DOTALL)


def put_back(html: str, formulas: list[str]) -> str:
    """HTML of such Markdown, with the formulas in their places."""
    return re.sub(r"formula(\d+)elumrof", lambda m: formulas[int(m[1])], html)
