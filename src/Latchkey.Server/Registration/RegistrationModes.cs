namespace Latchkey.Server.Registration;

/// <summary>Who may register clients at <c>/register</c> (RFC 7591).</summary>
public enum RegistrationMode
{
    /// <summary>Nobody: the endpoint does not exist.</summary>
    Off,

    /// <summary>Whoever has the initial access token.</summary>
    Token,

    /// <summary>Everybody, within limits.</summary>
    Open,
}

/// <summary>Whether a client's id may be the URL of its metadata (Client ID Metadata Document).</summary>
public enum MetadataDocumentMode
{
    /// <summary>At https URLs of the public Internet.</summary>
    On,

    /// <summary>Nowhere.</summary>
    Off,

    /// <summary>Also at http and https on <c>127.0.0.1</c>, <c>[::1]</c> and <c>localhost</c>, for development.</summary>
    Loopback,
}
