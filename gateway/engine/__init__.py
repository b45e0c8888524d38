"""The only code that knows mitmproxy, but for the composition root."""

import warnings

# Importing mitmproxy imports all of its addons, whose dependencies use names that others of its
# dependencies have deprecated. Where warnings are errors, that would end the import.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mitmproxy.master  # noqa: F401  # only so that it happens here, in silence
