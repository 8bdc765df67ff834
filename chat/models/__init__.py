"""Models describe: fields, constraints and pure properties. Services write."""

from chat.models.accounts import PERMISSIONS, ApiKey, Suspension, Theme, TokenFamily, User, suspended
from chat.models.attachments import Attachment
from chat.models.audit import AuditEntry, AuditHead, PrivateAccess
from chat.models.batches import (
    EMBEDDINGS,
    UNFINISHED,
    BatchJob,
    BatchLine,
    BatchNotice,
    BatchPriority,
    BatchStatus,
    Channel,
    LineStatus,
)
from chat.models.cases import (
    Case,
    CaseEvent,
    CaseEventKind,
    CaseSource,
    CaseStatus,
    Decision,
    Severity,
    Strike,
)
from chat.models.catalogue import LanguageModel, LoraAdapter
from chat.models.chores import Chore
from chat.models.content_rules import ContentRule, RuleAction, RuleKind, RulePolicy, RuleScope
from chat.models.deletions import Deletion
from chat.models.files import FilePurpose, StoredFile
from chat.models.generations import ACTIVE, Generation, GenerationChunk, GenerationStatus, Priority
from chat.models.holds import LegalHold
from chat.models.invitations import AccountInvitation
from chat.models.limits import GroupLimits
from chat.models.notices import Appeal, AppealStatus, Notice, NoticeTemplate
from chat.models.operating import Banner, Hold, HoldKind
from chat.models.panels import Panel, Visitor
from chat.models.presets import Preset
from chat.models.providers import Continuation, Provider, ProviderModel
from chat.models.reports import Report, ReportKind, ReportOutcome
from chat.models.sessions import (
    HIDDEN_TEXT,
    ChatMessage,
    ChatSession,
    MessageStatus,
    Participant,
    ParticipantRole,
    Role,
)
from chat.models.sharing import Invitation, MessageReaction, SharedLink
from chat.models.usage import UsageHour
from chat.models.workers import WorkerControl, WorkerNode, WorkerStatus

__all__ = [
    "ACTIVE",
    "EMBEDDINGS",
    "HIDDEN_TEXT",
    "PERMISSIONS",
    "UNFINISHED",
    "AccountInvitation",
    "ApiKey",
    "Appeal",
    "AppealStatus",
    "Attachment",
    "AuditEntry",
    "AuditHead",
    "Banner",
    "BatchJob",
    "BatchLine",
    "BatchNotice",
    "BatchPriority",
    "BatchStatus",
    "Case",
    "CaseEvent",
    "CaseEventKind",
    "CaseSource",
    "CaseStatus",
    "Channel",
    "ChatMessage",
    "ChatSession",
    "Chore",
    "ContentRule",
    "Continuation",
    "Decision",
    "Deletion",
    "FilePurpose",
    "Generation",
    "GenerationChunk",
    "GenerationStatus",
    "GroupLimits",
    "Hold",
    "HoldKind",
    "Invitation",
    "LanguageModel",
    "LegalHold",
    "LineStatus",
    "LoraAdapter",
    "MessageReaction",
    "MessageStatus",
    "Notice",
    "NoticeTemplate",
    "Panel",
    "Participant",
    "ParticipantRole",
    "Preset",
    "Priority",
    "PrivateAccess",
    "Provider",
    "ProviderModel",
    "Report",
    "ReportKind",
    "ReportOutcome",
    "Role",
    "RuleAction",
    "RuleKind",
    "RulePolicy",
    "RuleScope",
    "Severity",
    "SharedLink",
    "StoredFile",
    "Strike",
    "Suspension",
    "Theme",
    "TokenFamily",
    "UsageHour",
    "User",
    "Visitor",
    "WorkerControl",
    "WorkerNode",
    "WorkerStatus",
    "suspended",
]
