/// Somebody who reads the log in order of position, and has yet to see what lies behind a place in it.
package struct LogReader: Sendable, Hashable {
    /// For an operator.
    package var name: String
    package var position: Int64

    package init(_ name: String, at position: Int64) {
        self.name = name
        self.position = position
    }
}
