"""Models describe: fields, constraints and pure properties. Services write."""

from chat.models.accounts import PERMISSIONS, ApiKey, Suspension, Theme, TokenFamily, User, suspended
from chat.models.attachments import Attachment
from chat.models.audit import AuditEntry, AuditHead
from chat.models.batches import (
    UNFINISHED,
    BatchJob,
    BatchLine,
    BatchNotice,
    BatchPriority,
    BatchStatus,
    Channel,
    LineStatus,
)
from chat.models.catalogue import LanguageModel, LoraAdapter
from chat.models.files import FilePurpose, StoredFile
from chat.models.generations import ACTIVE, Generation, GenerationChunk, GenerationStatus, Priority
from chat.models.operating import Banner, Hold, HoldKind
from chat.models.providers import Continuation, Provider, ProviderModel
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
    "PERMISSIONS",
    "UNFINISHED",
    "ApiKey",
    "Attachment",
    "AuditEntry",
    "AuditHead",
    "Banner",
    "BatchJob",
    "BatchLine",
    "BatchNotice",
    "BatchPriority",
    "BatchStatus",
    "Channel",
    "ChatMessage",
    "ChatSession",
    "Continuation",
    "FilePurpose",
    "Generation",
    "GenerationChunk",
    "GenerationStatus",
    "Hold",
    "HoldKind",
    "Invitation",
    "LanguageModel",
    "LineStatus",
    "LoraAdapter",
    "MessageReaction",
    "MessageStatus",
    "Participant",
    "ParticipantRole",
    "Priority",
    "Provider",
    "ProviderModel",
    "Role",
    "StoredFile",
    "Suspension",
    "Theme",
    "TokenFamily",
    "User",
    "WorkerControl",
    "WorkerNode",
    "WorkerStatus",
    "suspended",
]
