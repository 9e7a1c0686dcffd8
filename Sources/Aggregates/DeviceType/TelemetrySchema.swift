/// One metric of a device type: what it is measured in, and what it may be.
package struct MetricDefinition: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Codable, CaseIterable {
        case number, boolean, text
    }

    package var kind: Kind
    package var unit: String?
    /// The least and the greatest number that the sensor can mean.
    package var minimum: Double?
    package var maximum: Double?
    /// Whether each reading must have it; absent in the log if not.
    package var isRequired: Bool { required ?? false }
    private var required: Bool?

    package init(
        _ kind: Kind, unit: String? = nil, minimum: Double? = nil, maximum: Double? = nil, isRequired: Bool = false
    ) {
        self.kind = kind
        self.unit = unit
        self.minimum = minimum
        self.maximum = maximum
        required = isRequired ? true : nil
    }

    /// What is odd about a value; nil if nothing is. A null is no value.
    func flag(_ value: MetricValue) -> ReadingFlags.Metric? {
        switch (kind, value) {
        case (_, .null), (.boolean, .flag), (.text, .text): nil
        case (.number, .number(let number)):
            number < minimum ?? -.infinity || number > maximum ?? .infinity ? .outOfRange : nil
        default: .wrongKind
        }
    }
}

/// What the devices of a type report, and how often they must be heard of.
package struct TelemetrySchema: Sendable, Hashable, Codable {
    /// From 1; each change of the type is a new one.
    package var version: Int
    /// By the metric's name, in which levels are joined with dots.
    package var metrics: [String: MetricDefinition]
    /// How long a device may be silent before it counts as offline.
    package var silenceSeconds: Int
    /// What a device may send; absent if the server decides.
    package var limits: MessageLimits?

    package init(
        version: Int = 1, metrics: [String: MetricDefinition], silenceSeconds: Int, limits: MessageLimits? = nil
    ) {
        self.version = version
        self.metrics = metrics
        self.silenceSeconds = silenceSeconds
        self.limits = limits
    }

    /// How many types of its own an account may have.
    package static let mostOfAnAccount = 64

    func check() throws(Account.Rejection) {
        if metrics.count > 128 { throw .malformed(field: "metrics", reason: "may be 128") }
        for (name, metric) in metrics {
            guard (1...128).contains(name.utf8.count), name != "ts", name != "seq",
                !name.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7F })
            else {
                throw .malformed(field: "metrics", reason: "need names of 1 to 128 bytes other than ts and seq")
            }
            if let unit = metric.unit, !(1...20).contains(unit.utf8.count) {
                throw .malformed(field: "metrics", reason: "need units of 1 to 20 bytes, \(name) has another")
            }
            guard metric.kind == .number || metric.minimum == nil && metric.maximum == nil else {
                throw .malformed(field: "metrics", reason: "have a range if they are numbers, which \(name) is not")
            }
            guard metric.minimum ?? -.infinity <= metric.maximum ?? .infinity else {
                throw .malformed(field: "metrics", reason: "have no range that is empty, as that of \(name)")
            }
        }
        guard (10...2_592_000).contains(silenceSeconds) else {
            throw .malformed(field: "silenceSeconds", reason: "must be from 10 to 2592000")
        }
        if let fault = limits?.fault { throw .malformed(field: "limits", reason: fault) }
    }

    /// Whether both say the same, as different versions may.
    func hasSameTerms(as other: TelemetrySchema) -> Bool {
        metrics == other.metrics && silenceSeconds == other.silenceSeconds && limits == other.limits
    }
}
