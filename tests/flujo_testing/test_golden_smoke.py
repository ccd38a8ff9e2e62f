import pytest
from tests.flujo_testing.golden_project import Project, golden_text, project_of
pytest_plugins=["pytester"]
@pytest.fixture
def project(pytester, monkeypatch): return project_of(pytester, monkeypatch)
def test_a(project):
    project.write("tests/test_rain.py", """
import pytest
@pytest.mark.parametrize("n",[1,2])
def test_a(golden, n):
    golden.check({"n": n})
    golden.check({"n": n+1}, name="resumed")
class TestB:
    def test_c(self, golden):
        assert {"x": 1} == golden
""")
    r = project.run(); print(project.files().keys())
    r = project.run("--golden=update"); print(project.files().keys())
    r = project.run("--golden=check"); print(project.files().keys())
    assert 0
