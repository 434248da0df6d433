"""Hostile names: each is a vendor's or a client's text, and must stay text."""

from __future__ import annotations

HOSTILE = (
    "<script>window.ran = 'script'</script>",
    "<!channel> <!here> <@U0123> <#C0123|general>",
    "</iframe></script><img src=x onerror=\"window.ran = 'image'\">",
    "*bold* _italic_ ~struck~ `code` ```fence```",
    '=HYPERLINK("http://evil.example","Click")',
    "<https://evil.example|Your bank>",
    "' onmouseover='window.ran = 1' \"quotes\" &amp; &lt;b&gt;",
    "\u202etxt.exe\u202c \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627",
    "Emoji \U0001f4a5 \U0001f469\u200d\U0001f4bb :smile: \u4e2d\u6587",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} <mj-include path='/etc/passwd' />",
    "zero\u200bwidth \x07bell\nnew line\ttab",
    "N" * 5000,
    "-->]]><style>body{display:none}</style><base href=http://evil.example>",
    "   ",
)
