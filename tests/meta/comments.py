"""Every public declaration says what it is and since when; a comment may stand above a whole group."""
import sys

import public
from tally import Tally

tally = Tally()
for header in public.headers(sys.argv[1]):
    for name, _, comment in public.declarations(header):
        tally.check("Since: " in comment, f"{header.name}: {name} has a comment with `Since:`")
tally.finish()
