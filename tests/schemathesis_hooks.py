"""Media types that schemathesis does not write of itself: a text is sent as it is."""

import schemathesis


@schemathesis.serializer("application/toml", "application/x-ndjson", "text/csv", "application/xml")
def as_text(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
