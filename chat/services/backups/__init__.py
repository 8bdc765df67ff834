"""Everything the database owns and the uploaded files, in one file that either database takes back.

A backup is a ZIP: `data/APP.MODEL.jsonl` has the rows of a table, a JSON list each; `files/NAME` the files;
`manifest.json` what is in it, with checksums and the migrations that the tables stood at.
"""

from chat.services.backups.archive import BackupError, Manifest
from chat.services.backups.restoring import restore_backup
from chat.services.backups.scheduled import backup_into, name_of
from chat.services.backups.writing import write_backup

__all__ = [
    "BackupError",
    "Manifest",
    "backup_into",
    "name_of",
    "restore_backup",
    "write_backup",
]
