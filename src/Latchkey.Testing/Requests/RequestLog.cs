using System.Collections;

namespace Latchkey.Testing.Requests;

/// <summary>
/// Every request that reached the authority, in order, and what a test may demand of them. A demand that is not met throws an
/// <see cref="AuthorityAssertionException"/>. Thread-safe; reading gives what was there at that moment.
/// </summary>
public sealed class RequestLog : IReadOnlyList<RecordedRequest>
{
    private readonly Lock _lock = new();
    private List<RecordedRequest> _requests = [];

    internal RequestLog()
    {
    }

    /// <inheritdoc />
    public int Count => Snapshot().Count;

    /// <summary>Requests at <c>/token</c>.</summary>
    public IReadOnlyList<RecordedRequest> Token => To("/token");

    /// <summary>Requests at <c>/authorize</c>.</summary>
    public IReadOnlyList<RecordedRequest> Authorize => To("/authorize");

    /// <summary>Requests at <c>/par</c> (RFC 9126).</summary>
    public IReadOnlyList<RecordedRequest> PushedAuthorization => To("/par");

    /// <summary>Requests for the metadata (OpenID Connect Discovery, RFC 8414).</summary>
    public IReadOnlyList<RecordedRequest> Metadata =>
        [.. Snapshot().Where(request => request.Path.StartsWith("/.well-known/", StringComparison.Ordinal) && request.Path != "/.well-known/jwks.json")];

    /// <summary>Requests for the JWKS.</summary>
    public IReadOnlyList<RecordedRequest> Jwks => To("/.well-known/jwks.json");

    /// <summary>Requests at <c>/userinfo</c>.</summary>
    public IReadOnlyList<RecordedRequest> UserInfo => To("/userinfo");

    /// <summary>Requests at <c>/introspect</c>.</summary>
    public IReadOnlyList<RecordedRequest> Introspection => To("/introspect");

    /// <summary>Requests at <c>/revoke</c>.</summary>
    public IReadOnlyList<RecordedRequest> Revocation => To("/revoke");

    /// <summary>Requests at <c>/device/code</c>.</summary>
    public IReadOnlyList<RecordedRequest> DeviceAuthorization => To("/device/code");

    // What a client pushed is its request; the browser then brings no more than a reference (RFC 9126 section 4).
    private IReadOnlyList<RecordedRequest> AuthorizationRequests =>
        [.. PushedAuthorization, .. Authorize.Where(request => request["request_uri"]?.StartsWith("urn:ietf:params:oauth:request_uri:", StringComparison.Ordinal) != true)];

    /// <inheritdoc />
    public RecordedRequest this[int index] => Snapshot()[index];

    /// <summary>Requests to a path below the issuer.</summary>
    /// <param name="path">Such as <c>/token</c>.</param>
    public IReadOnlyList<RecordedRequest> To(string path) => [.. Snapshot().Where(request => request.Path == path)];

    /// <summary>Requests at <c>/token</c> with a grant type.</summary>
    /// <param name="grantType">Such as <c>refresh_token</c>.</param>
    public IReadOnlyList<RecordedRequest> Grants(string grantType) => [.. Token.Where(request => request["grant_type"] == grantType)];

    /// <summary>Forgets what came until now.</summary>
    public void Clear()
    {
        lock (_lock) _requests = [];
    }

    /// <summary>Demands that every authorization request came with an S256 challenge and no two with the same, and every code was redeemed with a verifier (RFC 7636).</summary>
    public RequestLog ShouldHaveUsedPkce()
    {
        var requests = Required(AuthorizationRequests, "an authorization request");
        foreach (var request in requests)
        {
            if (request["code_challenge_method"] != "S256" || request["code_challenge"] is not { Length: 43 })
                throw Failed("an S256 code_challenge of 43 characters (RFC 7636 section 4.2)", request);
        }

        Distinct(requests, "code_challenge");
        foreach (var request in Grants("authorization_code").Where(request => request["code_verifier"] is null)) throw Failed("a code_verifier (RFC 7636 section 4.5)", request);
        return this;
    }

    /// <summary>Demands a <c>state</c> in every authorization request, and in no two the same.</summary>
    public RequestLog ShouldHaveSentState() => Distinct(Required(AuthorizationRequests, "an authorization request"), "state");

    /// <summary>Demands a <c>nonce</c> in every OpenID Connect request, and in no two the same.</summary>
    public RequestLog ShouldHaveSentNonce() =>
        Distinct([.. Required(AuthorizationRequests, "an authorization request").Where(request => (request["scope"] ?? "").Split(' ').Contains("openid"))], "nonce");

    /// <summary>Demands that tokens were asked for so many times; one time proves a single flight.</summary>
    /// <param name="times">How many requests at <c>/token</c>.</param>
    public RequestLog ShouldHaveAskedForTokens(int times) => Token.Count == times ? this
        : throw new AuthorityAssertionException($"Expected {times} requests at /token, got {Token.Count}:{Listed(Token)}");

    /// <summary>Demands that every request at <c>/token</c> authenticated in one way.</summary>
    /// <param name="method">Such as <c>private_key_jwt</c>.</param>
    public RequestLog ShouldHaveAuthenticatedBy(string method)
    {
        foreach (var request in Required(Token, "a request at /token").Where(request => request.ClientAuthentication != method))
            throw Failed($"the client to authenticate by {method}, not by {request.ClientAuthentication}", request);
        return this;
    }

    /// <summary>Demands that a resource was named (RFC 8707) in every authorization and token request.</summary>
    /// <param name="resource">The resource.</param>
    public RequestLog ShouldHaveNamedResource(string resource)
    {
        foreach (var request in Required([.. AuthorizationRequests, .. Token], "a request for tokens").Where(request => request["resource"] != resource))
            throw Failed($"resource={resource} (RFC 8707 section 2)", request);
        return this;
    }

    /// <summary>Demands that no secret stood in a URL (RFC 9700 section 4.3.2).</summary>
    public RequestLog ShouldHaveKeptSecretsOutOfUrls()
    {
        string[] secret = ["client_secret", "password", "code_verifier", "refresh_token", "access_token", "token", "client_assertion"];
        foreach (var request in Snapshot())
        {
            if (Array.Find(secret, request.Query.ContainsKey) is { } name) throw Failed($"no {name} in the URL (RFC 9700 section 4.3.2)", request);
        }

        return this;
    }

    /// <summary>Demands that a token was revoked (RFC 7009) with an answer of 200.</summary>
    /// <param name="token">The token; any if null.</param>
    public RequestLog ShouldHaveRevoked(string? token = null) => Revocation.Any(request => request.Status == 200 && (token is null || request.Sent("token", token))) ? this
        : throw new AuthorityAssertionException($"Expected a token to be revoked (RFC 7009 section 2.1), got:{Listed(Snapshot())}");

    /// <summary>Demands that no request was refused.</summary>
    public RequestLog ShouldAllHaveSucceeded()
    {
        foreach (var request in Snapshot().Where(request => request.Error is not null || request.Status is 0 or >= 400)) throw Failed("no refusal", request);
        return this;
    }

    /// <inheritdoc />
    public IEnumerator<RecordedRequest> GetEnumerator() => Snapshot().GetEnumerator();

    /// <inheritdoc />
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Every request, a line each.</summary>
    public override string ToString() => string.Join('\n', Snapshot());

    internal void Add(RecordedRequest request)
    {
        lock (_lock) _requests.Add(request);
    }

    private static string Listed(IReadOnlyList<RecordedRequest> requests) => requests.Count == 0 ? " none" : string.Concat(requests.Select(request => $"\n  {request}"));

    private static AuthorityAssertionException Failed(string expected, RecordedRequest request) => new($"Expected {expected}, got:\n  {request}");

    private IReadOnlyList<RecordedRequest> Required(IReadOnlyList<RecordedRequest> requests, string what) =>
        requests.Count > 0 ? requests : throw new AuthorityAssertionException($"Expected {what}, got:{Listed(Snapshot())}");

    private RequestLog Distinct(IReadOnlyList<RecordedRequest> requests, string parameter)
    {
        foreach (var request in requests.Where(request => string.IsNullOrEmpty(request[parameter]))) throw Failed($"a {parameter}", request);
        if (requests.GroupBy(request => request[parameter], StringComparer.Ordinal).FirstOrDefault(group => group.Count() > 1) is { } twice)
            throw new AuthorityAssertionException($"Expected a {parameter} of its own in each request, got the same in:{Listed([.. twice])}");
        return this;
    }

    private List<RecordedRequest> Snapshot()
    {
        lock (_lock) return [.. _requests];
    }
}
