"""Stands in for Colab's own module in the rehearsal: what needs a browser, an account or a key refuses."""


class _Refuses:
    def __init__(self, what):
        self._what = what

    def __getattr__(self, name):
        def refuse(*args, **kwargs):
            raise RuntimeError(f"google.colab.{self._what}.{name} was called: a notebook must run without it")

        return refuse


drive, auth, userdata = _Refuses("drive"), _Refuses("auth"), _Refuses("userdata")
files, output = _Refuses("files"), _Refuses("output")
