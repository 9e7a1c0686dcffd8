import Foundation

/// The devices of a file, line by line, as the batches of the API have them.
struct DeviceLines: Sequence, IteratorProtocol {
    enum Format: String, CaseIterable {
        case csv, ndjson
    }

    /// One device, or why a line is none.
    struct Line {
        var number: Int
        var serial: String
        /// The device as a JSON object.
        var content: Result<Data, Refusal>
    }

    struct Refusal: Error, Equatable {
        var reason: String
    }

    private enum Source {
        case csv(CSVReader, columns: [String])
        case ndjson([UInt8], place: Int, line: Int)
    }

    private var source: Source

    /// - Throws: `SettingsError` for a CSV file without a header that names the columns.
    init(_ bytes: [UInt8], as format: Format) throws {
        switch format {
        case .ndjson: source = .ndjson(bytes, place: 0, line: 0)
        case .csv:
            var reader = CSVReader(bytes)
            guard case .success(let columns)? = reader.next()?.fields else {
                throw SettingsError(
                    "the file has no header: its first line names the columns, such as serial,type,name")
            }
            let unknown = columns.filter { !Self.columns.contains($0) && !$0.hasPrefix("label.") }
            guard unknown.isEmpty, Set(columns).count == columns.count, columns.contains("serial"),
                columns.contains("type")
            else {
                throw SettingsError(
                    """
                    the header must name serial and type, and may name name, latitude, longitude, location, metadata \
                    and label.KEY, each once\(unknown.isEmpty ? "" : "; unknown: \(unknown.joined(separator: ", "))")
                    """)
            }
            source = .csv(reader, columns: columns)
        }
    }

    private static let columns: Set<String> = [
        "serial", "type", "name", "latitude", "longitude", "location", "metadata",
    ]

    mutating func next() -> Line? {
        switch source {
        case .csv(var reader, let columns):
            guard let record = reader.next() else { return nil }
            source = .csv(reader, columns: columns)
            switch record.fields {
            case .failure(let error):
                return Line(number: record.line, serial: "", content: .failure(Refusal(reason: "\(error)")))
            case .success(let fields): return Self.line(record.line, fields, columns)
            }
        case .ndjson(let bytes, var place, var line):
            var content = bytes[place..<place]
            repeat {
                guard place < bytes.count else { return nil }
                let end = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                content = bytes[place..<end]
                (place, line) = (Swift.min(end + 1, bytes.count), line + 1)
            } while content.allSatisfy { [0x20, 0x09, 0x0D].contains($0) }
            source = .ndjson(bytes, place: place, line: line)
            return Self.line(line, Data(content))
        }
    }

    private static func line(_ number: Int, _ data: Data) -> Line {
        struct Known: Decodable { var serial: String }
        guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any],
            let known = try? JSONDecoder().decode(Known.self, from: data)
        else {
            return Line(
                number: number, serial: "", content: .failure(Refusal(reason: "is no JSON object with a serial")))
        }
        // What is refused for its account would be registered in the one that the import is for.
        guard object["account"] == nil else {
            return Line(
                number: number, serial: known.serial,
                content: .failure(Refusal(reason: "names an account; give it with --account")))
        }
        return Line(number: number, serial: known.serial, content: .success(data))
    }

    private static func line(_ number: Int, _ fields: [String], _ columns: [String]) -> Line {
        guard fields.count == columns.count else {
            return Line(
                number: number, serial: "",
                content: .failure(Refusal(reason: "has \(fields.count) fields, the header \(columns.count)")))
        }
        var device: [String: Any] = [:]
        var labels: [String: String] = [:]
        var location: [String: Any] = [:]
        var refusal: Refusal?
        for (column, field) in zip(columns, fields) where !field.isEmpty {
            switch column {
            case "latitude", "longitude":
                if let number = Double(field), number.isFinite {
                    location[column] = number
                } else {
                    refusal = Refusal(reason: "\(column) is not a number")
                }
            case "location": location["text"] = field
            case "metadata":
                let value = try? JSONSerialization.jsonObject(with: Data(field.utf8))
                if let value = value as? [String: Any] {
                    device[column] = value
                } else {
                    refusal = Refusal(reason: "metadata is not a JSON object")
                }
            case _ where column.hasPrefix("label."): labels[String(column.dropFirst(6))] = field
            default: device[column] = field
            }
        }
        if !labels.isEmpty { device["labels"] = labels }
        if !location.isEmpty { device["location"] = location }
        let serial = device["serial"] as? String ?? ""
        if serial.isEmpty { refusal = Refusal(reason: "has no serial") }
        if let refusal { return Line(number: number, serial: serial, content: .failure(refusal)) }
        guard let data = try? JSONSerialization.data(withJSONObject: device, options: .sortedKeys) else {
            return Line(number: number, serial: serial, content: .failure(Refusal(reason: "has no JSON form")))
        }
        return Line(number: number, serial: serial, content: .success(data))
    }
}
