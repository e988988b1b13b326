"""The backend that chooses another one by the path, under the contract of all backends."""

from mcpws.backends.app import App
from mcpws.seam.interfaces import Backend, Identity
from mcpws.testing import RecordingBackend, RecordingLink
from tests.backends.waiting import OfAnApp
from tests.examples.loading import example

by_path = example("by_path")


class TestByPath(OfAnApp):
    def backend(self) -> Backend:
        backend: Backend = by_path.ByPath({"/": self.app(), "/other": App("other", "1", clock=self.clock)})
        return backend


class TestByPathForModernClients(TestByPath):
    modern = True


def test_each_path_has_a_backend_of_its_own() -> None:
    sums, words = RecordingBackend(), RecordingBackend()
    backend = by_path.ByPath({"/sums": sums, "/words": words})
    links = [RecordingLink(Identity("tester", path=path)) for path in ("/words", "/sums", "/words", "/", "/sums/x")]
    for link in links:
        link.open(backend)
    assert (len(sums.conversations), len(words.conversations)) == (1, 2)
    assert [str(link.refused) for link in links] == [
        *(["None"] * 3),
        "nothing is served at /",
        "nothing is served at /sums/x",
    ]
    backend.stop()
    assert (sums.stopped, words.stopped) == (1, 1)


def test_the_numbers_of_each_stand_under_its_path() -> None:
    class Counting(RecordingBackend):
        def counted(self) -> dict[str, int]:
            return {"mine.asked": 3}

    backend = by_path.ByPath({"/a": Counting(), "/b": RecordingBackend(), "/c": Counting()})
    assert backend.counted() == {"a.mine.asked": 3, "c.mine.asked": 3}
