/// The name of one aggregate's stream: a category, a dash, and the aggregate's id.
///
/// Kept as one text, since it travels as one to and from the log far more often than its parts are asked for.
package struct StreamName: Sendable, Hashable, CustomStringConvertible {
    /// `category-id`
    package let description: String
    private let categoryLength: Int

    package init(category: String, id: String) {
        description = category + "-" + id
        categoryLength = category.utf8.count
    }

    /// Reads `category-id`; nil where either part is empty, a character is outside `A-Z a-z 0-9 _ . -`, or the
    /// whole is longer than 200 bytes.
    package init?(_ text: String) {
        guard let length = Self.categoryLength(of: text) else { return nil }
        description = text
        categoryLength = length
    }

    /// What a name must be to be read back from the log.
    static let rule = "a stream is named by category, dash and id of A-Z, a-z, 0-9, _, . and -, in 200 bytes at most"

    /// Whether the name would be read back as what it is.
    var isReadable: Bool { Self.categoryLength(of: description) == categoryLength }

    private static func categoryLength(of text: String) -> Int? {
        var dash: Int?
        var length = 0
        for byte in text.utf8 {
            guard isAllowed(byte) else { return nil }
            if byte == UInt8(ascii: "-"), dash == nil { dash = length }
            length += 1
        }
        guard let dash, dash > 0, length > dash + 1, length <= lengthLimit else { return nil }
        return dash
    }

    /// The part before the first dash, for example `device`.
    package var category: String { String(Substring(description.utf8.prefix(categoryLength))) }

    /// The part after the first dash; may itself contain dashes.
    package var id: String { String(Substring(description.utf8.dropFirst(categoryLength + 1))) }

    /// Whether `category-` and this id make a stream's name.
    package static func isID(_ id: some Collection<UInt8>, of category: String) -> Bool {
        !id.isEmpty && category.utf8.count + 1 + id.count <= lengthLimit && id.allSatisfy(isAllowed)
    }

    private static let lengthLimit = 200

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
