"""A deployment with a lot in it, written by the database itself."""

from __future__ import annotations

from tests.support.stack import Stack

SESSIONS = 5_000
LONG_SESSION = 10_000

PEOPLE = """
from django.db import connection
from chat.models import ChatMessage, ChatSession, Participant, User
user = User.objects.get(username={username!r})
sessions = ChatSession.objects.bulk_create(
    [ChatSession(owner=user, title=f"Talk {{n}}") for n in range({sessions})], batch_size=500)
Participant.objects.bulk_create(
    [Participant(session=row, user=user, role="owner") for row in sessions], batch_size=500)
long = sessions[-1]
ChatMessage.objects.bulk_create(
    [ChatMessage(session=long, author=user, role="user", content=f"Message {{n}} " + "word " * 40)
     for n in range({messages})], batch_size=500)
connection.cursor().execute("ANALYZE")
print(long.id)
"""
# Words by their rank: the first is in most messages, most are in few, as in a language.
MESSAGES = """
from django.db import connection
from chat.models import ChatMessage, ChatSession
cursor = connection.cursor()
cursor.execute("DROP INDEX chat_message_search")
some = ChatSession.objects.first()
pattern = ChatMessage.objects.create(session=some, author=some.owner, role="user")
own = {{
    "id": "gen_random_uuid()", "session_id": "s.id", "author_id": "s.owner_id",
    "content": "(SELECT string_agg('word' || floor(power(random(), 3) * 20000)::int, ' ')"
               " FROM generate_series(1, 16 + n %% 16))",
    "created_at": "now() - n * interval '1 minute'",
}}
columns = [field.column for field in ChatMessage._meta.concrete_fields if not field.generated]
cursor.execute(f'''
  INSERT INTO chat_chatmessage ({{", ".join(columns)}})
  SELECT {{", ".join(own.get(name, "pattern." + name) for name in columns)}}
  FROM chat_chatmessage pattern
  CROSS JOIN (SELECT id, owner_id, row_number() OVER () AS place FROM chat_chatsession LIMIT {sessions}) s
  CROSS JOIN LATERAL generate_series(place, place + {each} - 1) n
  WHERE pattern.id = %s
''', [pattern.id])
pattern.delete()
cursor.execute("CREATE INDEX chat_message_search ON chat_chatmessage USING gin (search)")
cursor.execute("VACUUM ANALYZE chat_chatmessage")
cursor.execute(
    "SELECT content FROM chat_chatmessage TABLESAMPLE SYSTEM (0.5) WHERE content LIKE 'word%' LIMIT 400")
print("\\n".join(row[0] for row in cursor.fetchall()))
"""


def seed_lists(stack: Stack, *, sessions: int = SESSIONS, messages: int = LONG_SESSION) -> str:
    """A user with many sessions, one of them long; returns its id."""
    script = PEOPLE.format(username=stack.username, sessions=sessions, messages=messages)
    return stack.manage("shell", "-v", "0", "-c", script, timeout=300).split()[-1]


def seed_messages(stack: Stack, *, total: int, sessions: int) -> list[str]:
    """So many messages of a user's, on PostgreSQL, shared among their sessions; returns a sample of them."""
    script = MESSAGES.format(sessions=sessions, each=total // sessions)
    return stack.manage("shell", "-v", "0", "-c", script, timeout=600).splitlines()
