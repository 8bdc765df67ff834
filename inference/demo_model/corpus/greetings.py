"""Meeting, thanking, small talk and taking leave."""
# ruff: noqa: E501 - a template is read whole, on one line

from random import Random

from inference.demo_model.corpus.phrases import casual, expand, one_of
from inference.demo_model.corpus.turns import Turn

_HELLO = """
{Hello|Hi|Hey|Hello there|Hi there|Hey there|Hiya|Howdy|Greetings}{| Parley| friend| again| everyone}{!|.|}
{Good morning|Good afternoon|Good evening|Good day|Morning}{| Parley| to you| friend}{!|.|}
{Hello|Hi|Hey}{|,| there,} {can you help me?|I need some help.|I have a question.|are you there?|is anyone there?|I am new here.}
{Hello|Hi|Hey}{| Parley|!} {Nice to meet you.|Pleased to meet you.|Good to see you.|I just arrived.|Can we talk?}
"""
_HOW = """
{|Hello! |Hi, |Hey, |Good morning, }{how are you|how are you doing|how are things|how is it going|how do you feel|are you well}{| today| now| Parley}?
{What's up|How have you been|How was your day|Is everything fine|Are you okay|How's life}{| today| Parley}?
"""
_THANKS = """
{Thanks|Thank you|Many thanks|Thanks a lot|Thank you so much|Thank you very much|Cheers}{| Parley| friend| for your help| for that| for the answer}{!|.|}
{That was|That is|This is} {very |really |}{helpful|useful|kind|nice|great}{, thanks|, thank you||!}.
{Great|Perfect|Nice|Good|Cool|Well done|Awesome}{| job| answer| work|, thanks|, thank you}{!|.|}
"""
_BYE = """
{Bye|Goodbye|Bye bye|See you|See you later|See you soon|See you tomorrow|Farewell|Take care|Good night}{| Parley| friend| for now| then}{!|.|}
{I have to go|I must go|I need to leave|I am leaving|I am off|Time to go|That is all}{| now| for today}{.|, bye.|, goodbye!|, see you.}
"""
_PING = """
{test|testing|this is a test|just a test|ping|one two three|can you hear me|are you there|is this on|are you working}{|?|.|!| now| please| again}
{ok|okay|yes|no|sure|alright|fine|right|maybe|I see|I understand|good to know|go on|and|continue|hm|well}{|.|!| then| please|, Parley}
"""
_JOKE = """
{Tell me|Do you know|Say|Give me|Can you tell me} {a|another|one} {|good |short |funny }{joke|riddle|pun}{| please}{.|?|}
{Make me laugh|Say something funny|Cheer me up|Tell me something funny}{| please| now| Parley}{.|!|}
"""
_JOKES = """
Why did the computer go to bed? Because it needed to crash.
Why was the computer cold? It left its windows open.
What do you call a bear with no teeth? A gummy bear.
Why did the bee get married? Because he found his honey.
"""


def hello(rng: Random) -> Turn:
    """A greeting and the offer to help."""
    answer = expand("{Hello! How can I help you today?|Hi there! What can I do for you?}", rng)
    return Turn(
        casual(one_of(_HELLO, rng), rng), answer, brief="Hello!", expect=("hello|hi ", "help|do for you")
    )


def how_are_you(rng: Random) -> Turn:
    """Small talk about how one is."""
    answer = "I am doing well, thank you! How can I help you?"
    return Turn(casual(one_of(_HOW, rng), rng), answer, brief="I am well.", expect=("well",))


def thanks(rng: Random) -> Turn:
    """Gratitude accepted."""
    answer = expand("You are welcome! {I am glad to help.|Is there anything else I can do?}", rng)
    return Turn(casual(one_of(_THANKS, rng), rng), answer, brief="You are welcome.", expect=("welcome",))


def bye(rng: Random) -> Turn:
    """Leave taken."""
    answer = expand("Goodbye! {Have a nice day.|It was nice to talk to you.|See you soon.}", rng)
    return Turn(casual(one_of(_BYE, rng), rng), answer, brief="Goodbye!", expect=("goodbye",))


def ping(rng: Random) -> Turn:
    """A sign of life, or a word that asks nothing."""
    return Turn(
        casual(one_of(_PING, rng), rng), "I am here. What would you like to do?", "Yes.", expect=("here",)
    )


def joke(rng: Random) -> Turn:
    """A small joke."""
    return Turn(casual(one_of(_JOKE, rng), rng), one_of(_JOKES, rng), expect=("why|what",))


def greeting(rng: Random) -> Turn:
    """Any of the above."""
    return rng.choices((hello, how_are_you, thanks, bye, ping, joke), (5, 2, 3, 3, 2, 1))[0](rng)
