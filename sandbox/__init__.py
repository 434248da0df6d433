"""A simulated agency: every vendor that SignalRoom talks to, on loopback, with a known truth.

```python
with Agency() as agency:
    os.environ |= agency.environment()
    truth = agency.truth("713")
```
"""

from sandbox.agency import Agency
from sandbox.errors import SandboxError
from sandbox.ledger import Truth
from sandbox.serve import serve
from sandbox.stage import Message

__all__ = ["Agency", "Message", "SandboxError", "Truth", "serve"]
