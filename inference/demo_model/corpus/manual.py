"""What the demo model knows about Parley: one entry a subject, the same facts as in the documentation."""
# ruff: noqa: E501 - a template is read whole, on one line

from dataclasses import dataclass


@dataclass(frozen=True)
class Subject:
    """Something users ask about: its names, questions on it, and the sentences that answer them.

    The first sentence is the short answer; all of them together are the detailed one.
    """

    names: str
    questions: str
    sentences: tuple[str, ...]
    expect: tuple[str, ...]
    brief: str


SUBJECTS = (
    Subject(
        "Parley|this program|this app|this site|this platform|this chat",
        "{what is|what's|describe|tell me about} <name>|what does <name> do|what can <name> do|what is <name> for",
        (
            "Parley is a chat platform for language models that runs on your own computer.",
            "Several people can chat at the same time.",
            "Moderators can watch over the conversations.",
            "Workers run the models, and you can add more of them.",
            "Batch jobs answer many prompts in the background.",
            "Nothing you write leaves your machine.",
        ),
        ("chat platform",),
        "A chat platform for local language models.",
    ),
    Subject(
        "session|sessions|chat session|conversations",
        "what is a <name>|what are <name>|how do I {start|open|make|create} a {new |}{session|chat|conversation}"
        "|how do I begin a new chat|where are my {sessions|chats|old chats|conversations}|how do I {delete|rename} a {session|chat}",
        (
            'A session is one conversation; press "New chat" to start another.',
            "Your sessions are listed at the side of the page.",
            "You can rename, search, share or delete a session.",
            "A session keeps its messages until you delete it.",
            "You can invite other people to join it.",
        ),
        ("conversation", "new chat"),
        'Press "New chat".',
    ),
    Subject(
        "stop button|stopping a reply|cancelling",
        "how do I {stop|cancel|interrupt|end|halt|abort} {a|the|your|this} {reply|answer|message|generation|response}"
        "|can I {stop|cancel|interrupt} you|what does the <name> do|how can I {stop|cancel} {you|it}|where is the stop button",
        (
            'Press the "Stop" button while a reply is being written.',
            "The text written so far is kept.",
            "You can then ask again or write something new.",
            "The worker is free at once for the next person.",
        ),
        ("stop",),
        'Press "Stop".',
    ),
    Subject(
        "export|exporting",
        "how do I {export|save|download} {a|my|this|the} {chat|session|conversation|messages|data}|can I {export|save|download} "
        "{my chats|this chat|a session|my conversations}|what formats can I export|what is <name>|how does <name> work",
        (
            "You can export a session as JSON, Markdown, plain text or PDF.",
            "Open the session and choose the format from its menu.",
            "The JSON file can be imported again later.",
            "An export holds every message with its time and its author.",
        ),
        ("export", "json"),
        "Export it as JSON, Markdown, text or PDF.",
    ),
    Subject(
        "batch job|batch jobs|batches",
        "what is a <name>|what are <name>|how do I {run|start|submit|make|create} a batch{| job}"
        "|how do I {process|answer} many prompts{| at once}|how do <name> work|can I run many prompts{| at once}",
        (
            "A batch job answers many prompts in the background; submit it as a JSONL file.",
            "Each line of the file is one prompt.",
            "Batch jobs use only the time that people who chat do not need.",
            "You can watch the progress and download the results at the end.",
            "A batch goes on after a restart where it was.",
        ),
        ("batch", "background"),
        "Many prompts answered in the background.",
    ),
    Subject(
        "API key|API keys|access keys",
        "what is an API key|what are <name>|how do I {get|make|create} {an API key|a key}|where do I {get|find} {an API key|my key|a key}"
        "|do I need {an API key|a key}|what is an API key for",
        (
            "An API key lets a program use Parley in your name; it is shown only once.",
            "Every key begins with pk and should be kept secret.",
            "An administrator can create one with the api_key command.",
            "Send it in the Authorization header of each request.",
            "You can revoke a key at any time.",
        ),
        ("key", "program"),
        "A secret that lets a program use Parley.",
    ),
    Subject(
        "moderation|moderators|the moderation console",
        "what is <name>|what do moderators do|how does <name> work|who {reads|watches|checks|moderates} {the|our|my} {chats|messages|conversations}"
        "|how do I {suspend|block|ban} {a user|someone|somebody}|how do I report a message|is there moderation",
        (
            "Moderators can watch chats, hide messages and suspend users.",
            "They work in the admin console.",
            "Everything a moderator does is written to an audit log.",
            "A suspended user cannot write until the suspension ends.",
        ),
        ("moderators", "suspend"),
        "Moderators watch chats and can suspend users.",
    ),
    Subject(
        "model|models|language model|other models",
        "what is a language model|which model {are you|is this|do you use}|how do I {add|install|change|use} {a|another|a new|a bigger} model"
        "|can I use {another|a bigger} model|what models {are there|can I use}|are you a {big|large|small|real} model",
        (
            "I am a small demo model; you can add a bigger one as a GGUF file.",
            "Use the command model add with a path or a name from the hub.",
            "The catalogue lists all models that are installed.",
            "Bigger models know more but need more memory and time.",
        ),
        ("model", "gguf"),
        "Add one as a GGUF file.",
    ),
    Subject(
        "worker|workers|a worker process",
        "what is a worker|what are workers|what does a worker do|how do I {add|start|run} {a|another|a new|one more} worker"
        "|how do I {make it faster|scale it|serve more people}|what do workers do|can I add {workers|more workers}",
        (
            "A worker is a process that runs the model; start another to serve more people.",
            "Workers can run on other machines, with or without a graphics card.",
            "If a worker dies, another one finishes its replies.",
            "Use the worker command to start one.",
        ),
        ("worker", "model"),
        "A process that runs the model.",
    ),
    Subject(
        "running Parley|installing Parley|the first start",
        "how do I {run|start|install|set up|launch} {Parley|this|it|this program|this app}|how can I {run|start|install} {Parley|it}"
        "|how does one {start|install} Parley|what do I need to run Parley",
        (
            "Type make run, wait until it is ready, and open the page in your browser.",
            "The first start installs what is needed and takes a few minutes.",
            "The next start takes seconds.",
            "Press Ctrl-C to stop it.",
        ),
        ("make run",),
        "Type make run.",
    ),
    Subject(
        "privacy|my data|data protection",
        "is {it|Parley|this} {private|safe|secure}|where {is my data|are my messages} {stored|kept|saved}|who can {see|read} my {messages|chats|data}"
        "|do you {send|share|sell} my {data|messages}|what about <name>|does it need {the internet|a network}",
        (
            "Your messages stay in the database on this machine; nothing is sent to others.",
            "Parley works without the internet.",
            "Moderators of this site may read the conversations.",
            "You can export or delete your sessions.",
        ),
        ("machine",),
        "Everything stays on this machine.",
    ),
    Subject(
        "your abilities|your skills|what you can do",
        "what can you do|what do you know|how can you help{| me}|what are you {good at|able to do|able to}|what can I ask{| you}"
        "|help|help me|I need help|what are <name>|what should I ask{| you}|can you help me",
        (
            "I can chat, do small sums, count, spell, tell stories and answer questions about Parley.",
            "I remember your name, your city and your favourite colour while we talk.",
            "I can write small JSON objects.",
            "I am very small, so there are many things that I do not know.",
        ),
        ("sums", "parley"),
        "Small sums, lists, stories and Parley.",
    ),
)
