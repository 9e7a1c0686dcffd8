/// Reads CSV as RFC 4180 has it, record by record, strictly: what is not well-formed is refused, not guessed at.
///
/// A record that cannot be read ends with its line; reading goes on behind it.
struct CSVReader: Sequence, IteratorProtocol {
    struct Record: Equatable {
        /// The line of the file that the record begins in, from 1.
        var line: Int
        var fields: Result<[String], CSVError>
    }

    private let bytes: [UInt8]
    private var place = 0
    private var line = 1

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { place = 3 }
    }

    /// Nil at the end; lines without anything are passed over.
    mutating func next() -> Record? {
        while place < bytes.count, isLineBreak { skipLine() }
        guard place < bytes.count else { return nil }
        let start = line
        do throws(CSVError) {
            return Record(line: start, fields: .success(try record()))
        } catch {
            skipLine()
            return Record(line: start, fields: .failure(error))
        }
    }

    private mutating func record() throws(CSVError) -> [String] {
        var fields: [String] = []
        while true {
            fields.append(try field())
            guard place < bytes.count else { return fields }
            switch bytes[place] {
            case UInt8(ascii: ","): place += 1
            case _ where isLineBreak:
                skipLine()
                return fields
            default: throw .textBehindQuotes
            }
        }
    }

    /// Up to the comma or the line break behind it.
    private mutating func field() throws(CSVError) -> String {
        guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { return try plainField() }
        place += 1
        var content: [UInt8] = []
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            if byte == UInt8(ascii: "\"") {
                guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else { return try text(content[...]) }
                place += 1
            } else if byte == UInt8(ascii: "\n") {
                line += 1
            }
            content.append(byte)
        }
        throw .openQuotes
    }

    private mutating func plainField() throws(CSVError) -> String {
        let start = place
        while place < bytes.count, bytes[place] != UInt8(ascii: ","), !isLineBreak {
            if bytes[place] == UInt8(ascii: "\"") || bytes[place] == UInt8(ascii: "\r") { throw .strayCharacter }
            place += 1
        }
        return try text(bytes[start..<place])
    }

    private func text(_ bytes: ArraySlice<UInt8>) throws(CSVError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .notUTF8 }
        return text
    }

    /// LF, or CR and LF.
    private var isLineBreak: Bool {
        bytes[place] == UInt8(ascii: "\n")
            || bytes[place] == UInt8(ascii: "\r") && place + 1 < bytes.count && bytes[place + 1] == UInt8(ascii: "\n")
    }

    private mutating func skipLine() {
        while place < bytes.count {
            place += 1
            if bytes[place - 1] == UInt8(ascii: "\n") {
                line += 1
                return
            }
        }
    }
}

enum CSVError: Error, Equatable, CustomStringConvertible {
    case openQuotes, textBehindQuotes, strayCharacter, notUTF8

    var description: String {
        switch self {
        case .openQuotes: "quotes are opened and never closed"
        case .textBehindQuotes: "something other than a comma follows closing quotes"
        case .strayCharacter: "a quote or carriage return stands in a field without quotes"
        case .notUTF8: "the text is not UTF-8"
        }
    }
}
