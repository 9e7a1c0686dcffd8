/// The sequence numbers seen since a device last began to count, as ranges.
package struct SequenceRanges: Sendable, Hashable, Codable {
    package struct Span: Sendable, Hashable, Codable {
        package var first: Int64
        package var last: Int64

        package init(first: Int64, last: Int64) {
            self.first = first
            self.last = last
        }

        fileprivate init?(_ cursor: inout CanonicalCursor) {
            var (first, last): (Int64?, Int64?)
            let isWhole = cursor.object { name, cursor in
                switch name {
                case "first": cursor.take(optional: &first) { $0.integer() }
                case "last": cursor.take(optional: &last) { $0.integer() }
                default: false
                }
            }
            guard isWhole, let first, let last else { return nil }
            self.init(first: first, last: last)
        }
    }

    /// A device that loses more than this many separate stretches is forgiven its oldest.
    static let limit = 64

    /// Ascending, disjoint and not adjacent.
    package private(set) var spans: [Span] = []

    package init() {}

    /// Reads what its `Codable` form is; nil if Foundation must read it.
    init?(_ cursor: inout CanonicalCursor) {
        guard cursor.skip(#"{"spans":"#), let spans = cursor.list({ Span(&$0) }), cursor.skip("}") else { return nil }
        self.spans = spans
    }

    package func contains(_ number: Int64) -> Bool {
        spans.contains { $0.first <= number && number <= $0.last }
    }

    /// The highest number up to which none is missing since the first one seen.
    package var highestContiguous: Int64? { spans.first?.last }

    /// Adds a number; one that is already known means that the device counts anew, and the others are forgotten.
    package mutating func insert(_ number: Int64) {
        if contains(number) {
            spans = [Span(first: number, last: number)]
            return
        }
        let index = spans.firstIndex { $0.first > number } ?? spans.endIndex
        let joinsLeft = index > spans.startIndex && spans[index - 1].last == number - 1
        let joinsRight = index < spans.endIndex && spans[index].first - 1 == number
        switch (joinsLeft, joinsRight) {
        case (true, true):
            spans[index - 1].last = spans[index].last
            spans.remove(at: index)
        case (true, false): spans[index - 1].last = number
        case (false, true): spans[index].first = number
        case (false, false): spans.insert(Span(first: number, last: number), at: index)
        }
        if spans.count > Self.limit { spans.removeFirst() }
    }
}
