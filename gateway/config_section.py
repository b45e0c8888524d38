"""What the parts of gateway.yaml have in common: strict sections, and secrets that are never in it."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from pydantic import BaseModel, ConfigDict, model_validator

from gateway.config_values import FilePath
from gateway.secret import Secret
from gateway.secret_file import read_secret_file, read_secret_variable


class Section(BaseModel):
    """A mapping of the file: unknown keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class SecretSource(Section):
    """Exactly one of a file and an environment variable."""

    @abstractmethod
    def source(self) -> tuple[Path | None, str | None]:
        """The file and the variable that are named; one of them is None."""

    def secret(self) -> Secret[str]:
        """The value. Raises ValueError with a text for the operator."""
        file, variable = self.source()
        return read_secret_file(file) if file is not None else read_secret_variable(variable or "")

    @model_validator(mode="after")
    def _check(self) -> SecretSource:
        if sum(source is not None for source in self.source()) != 1:
            raise ValueError("name one source of the secret: a file or an environment variable")
        return self


class PlainSecret(SecretSource):
    """A secret by itself."""

    file: FilePath | None = None
    env: str | None = None

    def source(self) -> tuple[Path | None, str | None]:
        return self.file, self.env
