/// The labels of one series, in the order of their names.
struct MetricLabels: Hashable, Comparable, Sendable {
    private struct Label: Hashable {
        var name: String
        var value: String
    }
    private let labels: [Label]

    init(_ dimensions: [(String, String)]) {
        labels = dimensions.map { Label(name: MetricName.plain($0.0), value: $0.1) }.sorted { $0.name < $1.name }
    }

    func text(with extra: (name: String, value: String)? = nil) -> String {
        var parts = labels.map { "\($0.name)=\"\(Self.escaped($0.value))\"" }
        if let extra { parts.append("\(extra.name)=\"\(extra.value)\"") }
        return parts.isEmpty ? "" : "{\(parts.joined(separator: ","))}"
    }

    static func < (left: MetricLabels, right: MetricLabels) -> Bool { left.text() < right.text() }

    private static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}

/// Names as Prometheus wants them.
enum MetricName {
    static func plain(_ label: String) -> String {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
        return name.first.map { $0.isNumber } ?? true ? "_\(name)" : name
    }

    static func counter(_ label: String) -> String {
        let name = plain(label)
        return name.hasSuffix("_total") ? name : "\(name)_total"
    }

    static func timer(_ label: String) -> String {
        let name = plain(label)
        return name.hasSuffix("_seconds") ? name : "\(name)_seconds"
    }
}
