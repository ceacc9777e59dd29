namespace Latchkey.Client.Authorization;

/// <summary>What one sign-in asks for; what is null comes from the client's options.</summary>
public sealed record AuthorizationParameters
{
    /// <summary>The scopes, separated by spaces.</summary>
    public string? Scope { get; init; }

    /// <summary>The APIs that tokens are for (RFC 8707).</summary>
    public IReadOnlyList<string>? Resources { get; init; }

    /// <summary>Where the answer goes, as registered; a native app's listener has its port in it.</summary>
    public string? RedirectUri { get; init; }

    /// <summary>How the answer comes: see <see cref="LatchkeyClientOptions.ResponseMode"/>.</summary>
    public string? ResponseMode { get; init; }

    /// <summary><c>none</c>, <c>login</c>, <c>consent</c>, <c>select_account</c>, <c>create</c> (OpenID Connect Core section 3.1.2.1).</summary>
    public string? Prompt { get; init; }

    /// <summary>How long ago the person may have signed in, in seconds; the ID token must then show when that was.</summary>
    public int? MaxAge { get; init; }

    /// <summary>Authentication contexts to aim for, separated by spaces.</summary>
    public string? AcrValues { get; init; }

    /// <summary>Who is about to sign in: an address or name for the login form.</summary>
    public string? LoginHint { get; init; }

    /// <summary>Languages in order of preference, separated by spaces.</summary>
    public string? UiLocales { get; init; }

    /// <summary>The person who is to sign in again; the ID token from before.</summary>
    public IdToken? IdTokenHint { get; init; }

    /// <summary>Single claims to ask for, the JSON of OpenID Connect Core section 5.5.</summary>
    public string? Claims { get; init; }

    /// <summary>
    /// Where the person goes in the application afterwards: a path such as <c>/orders?page=2</c>. Addresses of other sites are refused
    /// (RFC 9700 section 4.11.1). It stays in the transaction and is never sent.
    /// </summary>
    public string? ReturnUrl { get; init; }

    /// <summary>
    /// Names the browser's session, such as the value of a cookie that exists before sign-in: <see cref="LatchkeyClient.CompleteAuthorizationAsync"/>
    /// must then be given the same, so that nobody can be made to finish what another browser started. Only its hash is kept.
    /// </summary>
    public string? SessionBinding { get; init; }

    /// <summary>Parameters of extensions. Those that this library sets itself can't be among them.</summary>
    public IReadOnlyDictionary<string, string>? Additional { get; init; }

    /// <summary>Neither the browser's session nor who is about to sign in.</summary>
    public override string ToString() => $"sign-in for \"{Scope}\"";
}

/// <summary>A sign-in that has been started: send the browser to <see cref="Url"/>, keep <see cref="Transaction"/> for the callback.</summary>
/// <param name="Url">Where the browser goes: an https address, or http on loopback. Nothing in it is secret.</param>
/// <param name="Transaction">What the callback is checked against.</param>
public sealed record AuthorizationStart(Uri Url, AuthorizationTransaction Transaction)
{
    /// <summary>Neither the state nor the request.</summary>
    public override string ToString() => $"sign-in at {Transaction.Issuer}";
}
