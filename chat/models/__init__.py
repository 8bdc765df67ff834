"""Models describe: fields, constraints and pure properties. Services write."""

from chat.models.accounts import ApiKey, User
from chat.models.catalogue import LanguageModel
from chat.models.generations import ACTIVE, Generation, GenerationChunk, GenerationStatus, Priority
from chat.models.sessions import (
    ChatMessage,
    ChatSession,
    MessageStatus,
    Participant,
    ParticipantRole,
    Role,
)
from chat.models.sharing import Invitation, MessageReaction
from chat.models.workers import WorkerControl, WorkerNode, WorkerStatus

__all__ = [
    "ACTIVE",
    "ApiKey",
    "ChatMessage",
    "ChatSession",
    "Generation",
    "GenerationChunk",
    "GenerationStatus",
    "Invitation",
    "LanguageModel",
    "MessageReaction",
    "MessageStatus",
    "Participant",
    "ParticipantRole",
    "Priority",
    "Role",
    "User",
    "WorkerControl",
    "WorkerNode",
    "WorkerStatus",
]
