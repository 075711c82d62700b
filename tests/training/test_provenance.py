"""What names the code behind a number."""

import subprocess

from pixelnet_edu.training import provenance


def test_the_commit_is_dirty_only_where_the_packages_code_changed(tmp_path, monkeypatch):
    def git(*arguments):
        identity = ["-c", "user.name=n", "-c", "user.email=n@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    module = tmp_path / "pixelnet_edu" / "training" / "provenance.py"
    module.parent.mkdir(parents=True)
    module.write_text("1\n")
    (tmp_path / "page.md").write_text("a page\n")
    git("init")
    git("add", "-A")
    git("commit", "-m", "all")
    monkeypatch.setattr(provenance, "__file__", str(module))
    clean = provenance.commit()
    assert len(clean) == 12
    (tmp_path / "page.md").write_text("another\n")
    assert provenance.commit() == clean
    module.write_text("2\n")
    assert provenance.commit() == f"{clean}-dirty"
