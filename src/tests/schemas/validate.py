"""Holds documents against the published schemas, with Python's jsonschema.

Reads lines `NAME<tab>JSON` from standard input; argument: the folder with NAME.json. Every document has to be
valid, to have no property that its schema does not know, and to be refused where anything of it is of another type, or a
property is missing that has to be there. Prints what does not hold, and how much was looked at.
"""

import copy
import json
import pathlib
import sys

import jsonschema

def closed(schema):
    """The schema, where properties that it does not name are not allowed."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {name: closed(one) for name, one in schema.items()}
    if "properties" in schema and isinstance(schema["properties"], dict) and schema.get("type") == "object":
        schema.setdefault("additionalProperties", False)
    return schema


def places(document, path=()):
    """The path of every value below the top."""
    below = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else []
    for key, value in below:
        yield path + (key,)
        yield from places(value, path + (key,))


def kind(path):
    """The same for what is in one place of a list and in another."""
    return tuple(key if isinstance(key, str) else 0 for key in path)


def changed(document, path, value):
    other = copy.deepcopy(document)
    at = other
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    return other


def broken(document, schema, seen):
    """Copies of the document that are wrong in one place, of a kind that is not in `seen` yet."""
    for path in places(document):
        if kind(path) in seen:
            continue
        seen.add(kind(path))
        # No value is a list of true.
        yield f"{path} is [true]", changed(document, path, [True])
    for name in schema.get("required", []):
        if ("no", name) in seen:
            continue
        seen.add(("no", name))
        other = copy.deepcopy(document)
        other.pop(name, None)
        yield f"no {name}", other
    yield "another schema", {**document, "schema": "hwptop.other/9"} if "schema" in document else {}


def main():
    folder = pathlib.Path(sys.argv[1])
    validators, wrong, counts, seen = {}, [], {}, {}
    for line in sys.stdin:
        name, text = line.split("\t", 1)
        if name not in validators:
            schema = json.loads((folder / f"{name}.json").read_text())
            jsonschema.Draft202012Validator.check_schema(schema)
            strict = jsonschema.Draft202012Validator(closed(schema))
            validators[name] = (schema, jsonschema.Draft202012Validator(schema), strict)
        schema, opened, strict = validators[name]
        document = json.loads(text)
        for validator in (opened, strict):
            for error in validator.iter_errors(document):
                best = jsonschema.exceptions.best_match([error])
                wrong.append(f"{name}: {list(best.absolute_path)}: {best.message[:300]}")
        if not opened.is_valid({**document, "added_later": 1}):
            wrong.append(f"{name}: a property of a later version is refused")
        refused = 0
        for what, other in broken(document, schema, seen.setdefault(name, set())):
            if opened.is_valid(other):
                wrong.append(f"{name}: accepted, though {what}")
            refused += 1
        documents, changes = counts.get(name, (0, 0))
        counts[name] = (documents + 1, changes + refused)
    for one in wrong[:20]:
        print("WRONG", one)
    for name, (documents, changes) in sorted(counts.items()):
        print(name, documents, changes)


main()
