import Aggregates

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
