"""Django settings, all from environment variables; `docs/operations.md` lists them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from chatproject import databases, env, headers, logs, parts, translations

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = env.directory("DATA_DIR", BASE_DIR / "var")

DEBUG = env.boolean("DEBUG", False)
SECRET_KEY = env.secret_key("SECRET_KEY", DATA_DIR / "secret_key")
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.words("CSRF_TRUSTED_ORIGINS", [], may_be_empty=True)
PORT = env.integer("PORT", 8000, low=1, high=65535)

# ---- database: SQLite for one machine, PostgreSQL for more
DATABASE = env.database("DATABASE_URL", f"sqlite:///{DATA_DIR / 'parley.sqlite3'}")
IS_SQLITE = DATABASE["ENGINE"].endswith("sqlite3")
DATABASES: dict[str, dict[str, Any]] = {
    "default": DATABASE | (databases.SQLITE if IS_SQLITE else databases.POSTGRESQL)
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# ---- Redis: broker, channel layer, tickets and presence; everything in it is disposable
REDIS_URL = env.redis("REDIS_URL", f"unix://{DATA_DIR / 'redis.sock'}")
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "chat.realtime.layer.PipelinedChannelLayer",
        "CONFIG": {
            "hosts": [
                {
                    "address": REDIS_URL,
                    # redis-py 8 defaults to 5 s, shorter than an idle subscription waits.
                    "socket_timeout": 60,
                    "socket_connect_timeout": 5,
                    # Of the third redis-py writes each message into a debug log that nobody reads.
                    "protocol": 2,
                }
            ]
        },
    }
}
CACHES = {
    "default": {
        "BACKEND": "chat.cache.DisposableCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "parley",
        "OPTIONS": {"socket_timeout": 0.25, "socket_connect_timeout": 0.25},
    }
}
CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None  # for ever: without a broker workers still look for rows
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": not REDIS_URL.startswith("unix://"),
    "health_check_interval": 10,
    # A message is a hint, which the row makes good: Redis need not remember who took it.
    "ack_emulation": False,
    # With Redis away a hint is given up at once: the row is found without it.
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.1,
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_DISABLE_PREFETCH = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_DEFAULT_QUEUE = "generations"

# ---- applications
INSTALLED_APPS = parts.APPLICATIONS
MIDDLEWARE = parts.MIDDLEWARE
ROOT_URLCONF = "chatproject.urls"
ASGI_APPLICATION = "chatproject.asgi.application"
TEMPLATES = parts.TEMPLATES

PDF_FONT = env.text("PDF_FONT")

# ---- accounts and security
AUTH_USER_MODEL = "chat.User"
AUTHENTICATION_BACKENDS = ["chat.web.account.backend.AccountBackend"]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
SIGNUP_MODE = env.choice("SIGNUP_MODE", "closed", among=["open", "approval", "invite", "closed"])
EMAIL_URL = env.text("EMAIL_URL")
EMAIL_CONFIRMATION = env.choice(
    "EMAIL_CONFIRMATION", "required" if EMAIL_URL else "off", among=["required", "optional", "off"]
)
ACCOUNT_ADAPTER = "chat.web.account.adapter.AccountAdapter"
ACCOUNT_FORMS = {"login": "chat.web.account.forms.LoginForm"}
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email*" if EMAIL_URL else "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = {"required": "mandatory", "optional": "optional", "off": "none"}[
    EMAIL_CONFIRMATION
]
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Parley] "
# One address may be that of a whole office; a name is one person's.
ACCOUNT_RATE_LIMITS = {"login": "300/m/ip", "login_failed": "60/m/ip,10/5m/key"}
ALLAUTH_TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXIES", 0, low=0, high=10)
MFA_ADAPTER = "chat.web.account.adapter.SealingAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_ALLOW_UNVERIFIED_EMAIL = EMAIL_CONFIRMATION != "required"
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_TOTP_ISSUER = "Parley"
MFA_TOTP_TOLERANCE = 1  # of 30 s: clocks differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = DEBUG
OIDC = env.openid_connect(
    env.text("OIDC_SERVER_URL"),
    client_id=env.text("OIDC_CLIENT_ID"),
    secret=env.text("OIDC_CLIENT_SECRET"),
    name=env.text("OIDC_NAME", "Single sign-on"),
)
OIDC_SIGNUP = env.choice("OIDC_SIGNUP", "approval", among=["open", "approval", "closed"])
SOCIALACCOUNT_ADAPTER = "chat.web.account.adapter.SocialAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": OIDC}}
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
BEHIND_TLS = env.boolean("BEHIND_TLS", False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = BEHIND_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_TLS else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
ACCESS_TOKEN_SECONDS = env.integer("ACCESS_TOKEN_SECONDS", 900, low=10, high=86_400)
REFRESH_TOKEN_SECONDS = env.integer("REFRESH_TOKEN_SECONDS", 14 * 86_400, low=60, high=31_536_000)
# Pages of these origins may call the APIs with a key or a token; never with a visitor's cookie.
CORS_ALLOWED_ORIGINS = env.words("CORS_ALLOWED_ORIGINS", [], may_be_empty=True)
CORS_URLS_REGEX = r"^/(api|v1)/"
CORS_ALLOW_HEADERS = headers.ACCEPTED
CORS_EXPOSE_HEADERS = headers.EXPOSED
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "connect-src": ["'self'"],
        "frame-ancestors": ["'none'"],
        "base-uri": ["'self'"],
        # A browser holds the redirect to a provider of logins against the form that led there.
        "form-action": ["'self'", *(app["settings"]["server_url"] for app in OIDC)],
        "object-src": ["'none'"],
    }
}

# ---- static files, language, time
STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
# WhiteNoise serves small files from memory; that Django reads them in a thread first does not matter.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
LANGUAGE_CODE = "en"
# One more language is one more directory in chat/locale; Django's own pages follow by themselves.
LANGUAGES = translations.languages()
LOCALE_PATHS = [translations.LOCALES]  # before the words of Django's admin and of allauth
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

# ---- files that people and programs upload; the temporary ones beside them, so that storing is renaming
MEDIA_ROOT = env.directory("FILES_DIR", DATA_DIR / "files")
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT / "incoming"
FILE_UPLOAD_TEMP_DIR.mkdir(exist_ok=True, mode=0o700)
FILE_UPLOAD_PERMISSIONS = 0o600
MAX_FILE_BYTES = env.integer("MAX_FILE_BYTES", 200 << 20, low=1 << 16, high=1 << 40)
MAX_STORED_BYTES_PER_USER = env.integer("MAX_STORED_BYTES_PER_USER", 4 << 30, low=1 << 16, high=1 << 50)

# ---- models and the engine
MODEL = env.text("MODEL")
MODEL_DIR = DATA_DIR / "models"
ENGINE_SLOTS = env.integer("SLOTS", 0, low=0, high=254)
ENGINE_CONTEXT = env.integer("CONTEXT_SIZE", 4096, low=64, high=1_048_576)
ENGINE_MEMORY = env.number("MODEL_MEMORY", 0.0, low=0, high=1_000_000)
ENGINE_THREADS = env.integer("THREADS", 0, low=0, high=1024)
ENGINE_GPU_LAYERS = env.integer("GPU_LAYERS", -1, low=-1, high=10_000)
ENGINE_STEP_MS = env.number("STEP_MS", 200.0, low=1, high=10_000)
ENGINE_SPARE_STREAMS = env.integer("SPARE_STREAMS", 1, low=0, high=2)
ENGINE_RETAINED_MIB = env.integer("RETAINED_MIB", -1, low=-1, high=1_048_576)
ENGINE_BATCH_PAUSES = env.choice("BATCH_PAUSES", "auto", among=["auto", "on", "off"])
ENGINE_BATCH_SHARE = env.integer("BATCH_SHARE", 0, low=0, high=254)
ENGINE_FLASH_ATTENTION = env.choice("FLASH_ATTENTION", "auto", among=["auto", "on", "off"])
ENGINE_PROMPT_LOOKUP = env.integer("PROMPT_LOOKUP", -1, low=-1, high=15)
ENGINE_GPU_DEVICES = tuple(map(int, env.numbers("GPU_DEVICES", low=0, high=63)))
ENGINE_TENSOR_SPLIT = tuple(env.numbers("TENSOR_SPLIT", low=0, high=1e6))
ENGINE_KV_TYPES = ["f32", "f16", "bf16", "q8_0", "q5_1", "q4_0"]
ENGINE_K_TYPE = env.choice("K_TYPE", "f16", among=ENGINE_KV_TYPES)
ENGINE_V_TYPE = env.choice("V_TYPE", "f16", among=ENGINE_KV_TYPES)
REMOTE_STREAMS = env.integer("REMOTE_STREAMS", 64, low=0, high=10_000)
WORKER_NICENESS = env.integer("WORKER_NICENESS", 5, low=0, high=19)
PACED_RATE = env.number("PACED_RATE", 100.0, low=0.1, high=1_000_000)

# ---- limits
MAX_SOCKETS_PER_USER = env.integer("MAX_SOCKETS_PER_USER", 50, low=1, high=100_000)
MAX_QUEUED_PER_USER = env.integer("MAX_QUEUED_PER_USER", 20, low=1, high=100_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = env.integer("MAX_BODY_BYTES", 10 << 20, low=1 << 16, high=1 << 30)
MAX_UPLOAD_BYTES = env.integer("MAX_UPLOAD_BYTES", 20 << 20, low=1 << 10, high=1 << 30)
FILE_PATHS = {  # where a body is a file, and the setting that says how large it may be
    r"^(/v1/files/?|/batches/)$": "MAX_FILE_BYTES",
    r"^/api/v1/chat/sessions/[^/]+/upload$": "MAX_UPLOAD_BYTES",
}
RATE_LIMIT_PER_SECOND = env.number("RATE_LIMIT_PER_SECOND", 100.0, low=0, high=1_000_000)
RATE_LIMIT_BURST = env.integer("RATE_LIMIT_BURST", 2000, low=1, high=1_000_000)
MAX_PARTICIPANTS = env.integer("MAX_PARTICIPANTS", 50, low=1, high=100_000)
MAX_RUNNING_PER_USER = env.integer("MAX_RUNNING_PER_USER", MAX_QUEUED_PER_USER, low=1, high=100_000)
FALLBACK_AFTER = env.number("FALLBACK_AFTER", 5, low=0, high=3600)
MAX_QUEUED = env.integer("MAX_QUEUED", 1000, low=1, high=1_000_000)
MAX_QUEUED_TOKENS = env.integer("MAX_QUEUED_TOKENS", 4_000_000, low=1, high=1_000_000_000)
EMBEDDING_TIMEOUT = env.integer("EMBEDDING_TIMEOUT", 120, low=1, high=3600)
UNDO_SECONDS = env.integer("UNDO_SECONDS", 60, low=0, high=300)
PANEL_VISITORS_PER_HOUR = env.integer("PANEL_VISITORS_PER_HOUR", 100, low=1, high=100_000)
TEMPORARY_CHAT_HOURS = env.integer("TEMPORARY_CHAT_HOURS", 24, low=1, high=720)
CHUNK_RETENTION_SECONDS = env.integer("CHUNK_RETENTION_SECONDS", 3600, low=60, high=31_536_000)

# ---- moderation: how long a conversation stays open to a moderator who gave a reason, and who is told of it
PRIVATE_READ_MINUTES = env.integer("PRIVATE_READ_MINUTES", 10, low=1, high=1440)
PRIVATE_READ_NOTICES = env.boolean("PRIVATE_READ_NOTICES", True)

# ---- the server's own work: a guard, titles and summaries
GUARD_MODEL = env.text("GUARD_MODEL")
GUARD_PROMPT = env.text(
    "GUARD_PROMPT",
    "You look at one message of a chat. Say how harmful it is, with one number from 0 (harmless) to 100 "
    "(it threatens, harasses, sexualises children or helps to hurt somebody). Answer with the number alone.",
)
GUARD_THRESHOLD = env.number("GUARD_THRESHOLD", 0.7, low=0, high=1)
AUTO_TITLES = env.boolean("AUTO_TITLES", True)
DESCRIBING_MIN_MB = env.integer("DESCRIBING_MIN_MB", 100, low=0, high=1_000_000)
SUMMARY_EVERY = env.integer("SUMMARY_EVERY", 20, low=0, high=1_000_000)

# ---- batch jobs, and who is told of them
MAX_BATCHES_PER_USER = env.integer("MAX_BATCHES_PER_USER", 100, low=1, high=1_000_000)
MAX_BATCH_LINES = env.integer("MAX_BATCH_LINES", 200_000, low=1, high=100_000_000)
MAX_BATCH_LINES_PER_USER = env.integer("MAX_BATCH_LINES_PER_USER", 1_000_000, low=1, high=1_000_000_000)
MAX_BATCH_TOKENS_PER_USER = env.integer("MAX_BATCH_TOKENS_PER_USER", 1_000_000_000, low=1, high=1 << 60)
BATCH_RETENTION_DAYS = env.integer("BATCH_RETENTION_DAYS", 30, low=1, high=36_500)
vars().update(env.email("EMAIL_URL"))
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", "parley@localhost")
WEBHOOKS_TO_PRIVATE = env.boolean("WEBHOOKS_TO_PRIVATE", False)

# ---- keeping and losing data
RETENTION_DAYS = env.integer("RETENTION_DAYS", 0, low=0, high=36_500)
BACKUP_EVERY_HOURS = env.integer("BACKUP_EVERY_HOURS", 0, low=0, high=8760)
BACKUP_DIR = Path(env.text("BACKUP_DIR") or DATA_DIR / "backups").expanduser()
BACKUP_KEEP = env.integer("BACKUP_KEEP", 7, low=1, high=100_000)
CONTENT_KEYS = env.keys("CONTENT_KEYS", size=32)
BACKUP_RECIPIENTS = env.words("BACKUP_RECIPIENTS", [], may_be_empty=True)
BACKUP_IDENTITY = env.text("BACKUP_IDENTITY")

# ---- monitoring
METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_ALLOW = env.networks("METRICS_ALLOW", ["127.0.0.0/8", "::1/128"])

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", among=["DEBUG", "INFO", "WARNING", "ERROR"])
LOG_FORMAT = env.choice("LOG_FORMAT", "text", among=["text", "json"])
LOGGING = logs.config(level=LOG_LEVEL, style=LOG_FORMAT)
