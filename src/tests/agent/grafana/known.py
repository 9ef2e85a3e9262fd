"""Reads a dashboard with the types that Grafana publishes, and says what of it they do not know: such a property is not
there any more in what they write."""

import json
import sys

from grafana_foundation_sdk.cog import encoder, plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(ours, theirs, path):
    if isinstance(ours, dict):
        for name, value in ours.items():
            if not isinstance(theirs, dict) or name not in theirs:
                # Written by nobody: null, and what is empty.
                if value not in (None, [], {}):
                    print(f"{path}.{name}")
            else:
                lost(value, theirs[name], f"{path}.{name}")
    elif isinstance(ours, list):
        if not isinstance(theirs, list) or len(ours) != len(theirs):
            print(f"{path}: {len(ours)} elements")
        else:
            for number, (one, other) in enumerate(zip(ours, theirs)):
                lost(one, other, f"{path}[{number}]")
    elif ours != theirs:
        print(f"{path}: {ours!r} became {theirs!r}")


with open(sys.argv[1]) as file:
    document = json.load(file)
plugins.register_default_plugins()
written = json.loads(json.dumps(Dashboard.from_json(document), cls=encoder.JSONEncoder))
lost(document, written, "")
