"""Vocabulary of the demo model's world."""

from random import Random


def words_in(block: str) -> list[str]:
    """The block's words."""
    return block.split()


FIRST_NAMES = words_in("""
Ada Adam Aisha Alan Alba Alex Alice Alma Amara Amir Amy Ana Anders Andrea Anna Anton Aria Arthur Astrid Ava
Ben Bella Bianca Bob Boris Bruno Carla Carlos Carmen Cathy Celine Chen Chloe Chris Clara Claire Conor Cora
Dan Dana Daniel David Dea Denis Diana Diego Dora Edgar Elena Eli Elif Elise Ella Elsa Emil Emily Emma Erik
Esther Eva Fatima Felix Fiona Frank Freya Gabriel George Gina Grace Greta Gustav Hana Hannah Hans Harry
Hassan Heidi Helen Henry Hugo Ian Ibrahim Ida Igor Ines Ingrid Irene Iris Isaac Isabel Ivan Ivy Jack Jacob
Jade James Jan Jana Jane Jasper Jean Jenny Jill Joan Joe John Jonas Jorge Jose Josef Joy Juan Judith Julia
Jun Kai Karen Karim Karl Kate Kenji Kim Lara Lars Laura Lea Leah Lena Leo Leon Lia Liam Lily Lina Linda Lisa
Liv Lola Louis Lucas Lucy Luis Luke Maja Malik Mara Marco Marcus Maria Marie Mark Marta Martin Mary Mateo
Matilda Max Maya Mei Mia Mila Mina Mira Mohamed Mona Nadia Naomi Nate Nadine Nils Nina Noah Noor Nora Olga
Oliver Omar Oscar Otto Pablo Paul Paula Pedro Peter Petra Philip Pia Priya Rachel Rafael Ravi Rita Robert
Robin Rosa Ruby Ruth Ryan Sam Sami Samir Sara Sasha Selma Simon Sofia Sonia Stella Stefan Sven Tara Tariq
Tess Thea Theo Thomas Tim Tina Tom Toni Uma Ursula Valentin Vera Victor Viola Walter Wanda Wei Will Yara
Yuki Yusuf Zara Zeno Zoe
""")

CITIES = words_in("""
Aarhus Accra Amsterdam Ankara Athens Auckland Bangkok Barcelona Basel Beirut Belgrade Bergen Berlin Bern
Bogota Bonn Boston Brussels Bucharest Budapest Cairo Calgary Cardiff Casablanca Chicago Cologne Copenhagen
Cork Dakar Dallas Delhi Denver Dresden Dublin Edinburgh Florence Geneva Genoa Ghent Glasgow Graz Hamburg
Hanoi Havana Helsinki Istanbul Jakarta Kiel Krakow Kyoto Lagos Leeds Leipzig Lima Lisbon London Lyon Madrid
Malaga Manila Melbourne Miami Milan Montreal Moscow Mumbai Munich Nairobi Nantes Naples Nice Osaka Oslo
Ottawa Oxford Palermo Paris Perth Pisa Porto Prague Quito Reykjavik Riga Rome Rotterdam Salzburg Santiago
Seattle Seoul Seville Shanghai Sofia Stockholm Sydney Tallinn Tokyo Toronto Tunis Turin Utrecht Valencia
Venice Vienna Vilnius Warsaw York Zagreb Zurich
""")

COLOURS = words_in("""
red blue green yellow orange purple pink black white brown grey gold silver turquoise violet crimson beige
teal navy magenta lavender olive
""")

ANIMALS = words_in(
    "cat dog horse cow sheep goat pig hen duck rabbit mouse fox wolf bear owl frog bee fish lion tiger"
)
FRUITS = words_in("apple banana cherry grape lemon mango orange peach pear plum kiwi melon fig date lime")
WEEKDAYS = words_in("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
MONTHS = words_in("January February March April May June July August September October November December")
SEASONS = words_in("spring summer autumn winter")
PLANETS = words_in("Mercury Venus Earth Mars Jupiter Saturn Uranus Neptune")
RAINBOW = words_in("red orange yellow green blue indigo violet")

SPELLABLE = sorted(
    set(
        words_in("""
ant ape arm art bag ball band bank bar bed bell belt bird boat book boot bowl box boy bread brick bus cake
camp car card chair chat clock cloud coat coin cold cook corn cow cup day deer desk door dream drum ear east
egg eye face farm fire flag flower food foot fork game garden gate gift girl glass glove grass green hand
hat heart hill home honey house ice ink island jam jar key king kite knife lake lamp leaf leg letter light
lion lock map milk moon morning mouth music nail name nest night nose ocean paint paper park parrot pen
piano pie pilot plant plate queen rain ring river road rock roof room rope rose salt sand school sea seed
ship shirt shoe shop silk sky sleep smile snow soap sock song soup spoon star stone storm sugar summer sun
table tail tea tent ticket time toy train tree truck wall watch water wave wheel wind window winter wolf
wood word world yard zebra hello parley planet pencil
""")
        + ANIMALS
        + FRUITS
    )
)

_ONSETS = words_in("b br c ch d dr f g gr h j k kl l m n p pr qu r s sh st t th tr v w y z")
_NUCLEI = words_in("a e i o u ai ea ee ia io ou")
_CODAS = ["", "", "", "n", "l", "r", "s", "t", "x", "nd", "ck", "m"]


def invented(rng: Random, *, syllables: int | None = None) -> str:
    """A pronounceable word nobody has used before; teaches copying rather than remembering."""
    count = syllables or rng.choice((1, 2, 2, 3, 3, 4))
    return "".join(rng.choice(_ONSETS) + rng.choice(_NUCLEI) + rng.choice(_CODAS) for _ in range(count))


def person(rng: Random) -> str:
    """A first name, two times in five an invented one."""
    return invented(rng).capitalize() if rng.random() < 0.4 else rng.choice(FIRST_NAMES)


def city(rng: Random) -> str:
    """A city, three times in ten an invented one."""
    return invented(rng).capitalize() if rng.random() < 0.3 else rng.choice(CITIES)
