import Aggregates
import Runtime

extension Registration {
    /// Takes all fields but the account.
    ///
    /// - Throws: 400 with the field at fault.
    init(_ fields: inout RequestFields, _ account: AccountID, alsoKnown: String = "") throws(Problem) {
        let serial = try fields.text("serial")
        self.init(
            serial: serial, type: DeviceType(try fields.text("type")),
            name: try fields.optionalText("name") ?? serial, labels: try fields.optionalTexts("labels") ?? [:],
            location: try fields.optionalLocation("location"),
            metadata: try fields.optionalObject("metadata") ?? [:],
            account: AccountStanding(id: account, isActive: true))
        try fields.finish(known: "serial, type, name, labels, location, metadata" + alsoKnown)
    }
}

/// The fields of a device as requests write them.
extension RequestFields {
    /// Null, or an empty object, removes what is known.
    mutating func optionalLocation(_ name: String) throws(Problem) -> Location? {
        if takeNull(name) { return Location() }
        guard var fields = try optionalFields(name) else { return nil }
        let location = Location(
            latitude: try fields.optionalNumber("latitude"), longitude: try fields.optionalNumber("longitude"),
            text: try fields.optionalText("text"))
        try fields.finish(known: "latitude, longitude, text")
        return location
    }
}
