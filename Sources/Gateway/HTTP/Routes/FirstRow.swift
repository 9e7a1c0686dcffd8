import Projections
import Runtime

extension EventStore {
    /// The row with which a view begins, for what is so new that the view does not know it.
    ///
    /// It is folded from the first event and no more, however many there are: whoever asks again may be answered by a
    /// view that has come no further than that, and must not see time turn back.
    func firstRow<View: Projection>(
        of view: View.Type, _ id: String, missing: Problem
    ) async throws(Problem) -> View.Row? {
        let first = try await firstEvent(of: View.category, id, missing: missing)
        var row: View.Row?
        do throws(EventCodecError) {
            try View.evolve(&row, with: first)
        } catch {
            throw .internalFailure(cause: String(describing: error))
        }
        return row
    }
}
