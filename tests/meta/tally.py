"""Counting checks, and the closing line that tests/run.sh adds up."""
import sys

SKIPPED = 77  # Meson's exit code for a program that could not run


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def good(self):
        self.passed += 1

    def bad(self, what, detail=""):
        self.failed += 1
        print(f"FAILED: {what}: {detail}" if detail else f"FAILED: {what}")

    def check(self, good, what, detail=""):
        if good:
            self.good()
        else:
            self.bad(what, detail)

    def skip(self, what, reason):
        self.skipped += 1
        print(f"skipped: {what}: {reason}")

    def finish(self):
        """A program that checked nothing has failed."""
        if self.passed + self.failed + self.skipped == 0:
            self.bad("nothing was checked")
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0 if self.passed else SKIPPED)


def skip_all(reason):
    """Ends the program: it cannot run here."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)
