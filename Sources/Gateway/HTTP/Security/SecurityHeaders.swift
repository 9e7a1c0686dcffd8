import HTTPTypes

extension HTTPFields {
    /// What each answer tells browsers: load from here only, guess no types, show in no frame, tell nobody.
    mutating func addSecurity() {
        self[.contentSecurityPolicy] =
            "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
        self[.xContentTypeOptions] = "nosniff"
        if let name = HTTPField.Name("X-Frame-Options") { self[name] = "DENY" }
        if let name = HTTPField.Name("Referrer-Policy") { self[name] = "no-referrer" }
        if let name = HTTPField.Name("Cross-Origin-Opener-Policy") { self[name] = "same-origin" }
        if let name = HTTPField.Name("Cross-Origin-Resource-Policy") { self[name] = "same-origin" }
    }
}
