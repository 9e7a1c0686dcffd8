/// An array of which a changed copy shares all but the chunk that has changed.
///
/// An actor keeps the state that the log has confirmed while it folds the next one, so a change of a plain array would
/// copy the whole of it each time.
package struct ChunkedArray<Element> {
    private static var chunkSize: Int { 128 }

    private var chunks: [[Element]] = []
    package private(set) var count = 0

    package init() {}

    package init(repeating element: Element, count: Int) {
        for _ in 0..<count { append(element) }
    }

    package mutating func append(_ element: Element) {
        if count.isMultiple(of: Self.chunkSize) { chunks.append([]) }
        chunks[chunks.count - 1].append(element)
        count += 1
    }

    package subscript(index: Int) -> Element {
        get { chunks[index / Self.chunkSize][index % Self.chunkSize] }
        set { chunks[index / Self.chunkSize][index % Self.chunkSize] = newValue }
    }
}

extension ChunkedArray: Sequence {
    package func makeIterator() -> FlattenSequence<[[Element]]>.Iterator { chunks.joined().makeIterator() }
}

extension ChunkedArray: Sendable where Element: Sendable {}
extension ChunkedArray: Equatable where Element: Equatable {}
