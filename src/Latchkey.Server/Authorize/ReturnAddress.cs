using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;

namespace Latchkey.Server.Authorize;

/// <summary>
/// Where the answer goes. There is no way to make one but to prove that the redirect URI is the client's own, and nothing redirects to a client
/// without one: an open redirect can't be written.
/// </summary>
internal sealed class ReturnAddress
{
    private ReturnAddress(string redirectUri, bool isForm, bool isJwt, string? state)
    {
        RedirectUri = redirectUri;
        IsForm = isForm;
        IsJwt = isJwt;
        State = state;
    }

    /// <summary>The redirect URI as sent, or the registered one where none was sent.</summary>
    public string RedirectUri { get; }

    /// <summary>Whether the answer is a form that the browser posts; in the query otherwise, also where the request names a mode that does not exist.</summary>
    public bool IsForm { get; }

    /// <summary>Whether the answer is a signed JWT (JARM).</summary>
    public bool IsJwt { get; }

    /// <summary>What the client gets back exactly as it was sent; null if it sent none.</summary>
    public string? State { get; }

    /// <summary>Proves the redirect URI of a request (OAuth 2.1 section 4.1.1, OpenID Connect Core section 3.1.2.1).</summary>
    /// <returns>The address, or what to show the person: an error here must never be sent anywhere.</returns>
    public static Result<ReturnAddress> Prove(Client client, Parameters parameters)
    {
        if (parameters.All(ParameterNames.RedirectUri).Count > 1)
            return OAuthError.InvalidRequest("The parameter redirect_uri was sent more than once; send it once.");
        var registered = client.Metadata.RedirectUris;
        if (registered.Count == 0)
            return OAuthError.InvalidRequest("The client has no redirect URI registered; register one.");

        var sent = parameters[ParameterNames.RedirectUri];
        if (sent is null)
        {
            if (registered.Count > 1) return OAuthError.InvalidRequest("The parameter redirect_uri is missing; the client has several registered, so name one.");
            if (AsksForOpenId(parameters)) return OAuthError.InvalidRequest("The parameter redirect_uri is missing; requests with the scope openid must have it.");
        }
        else if (!client.HasRedirectUri(sent))
        {
            return OAuthError.InvalidRequest("The redirect_uri is not one of those registered for the client; it is compared character by character.");
        }

        var mode = parameters[ParameterNames.ResponseMode];
        return new ReturnAddress(
            sent ?? registered[0],
            isForm: mode is ResponseModes.FormPost or ResponseModes.FormPostJwt,
            isJwt: mode is not null && ResponseModes.Signed.Contains(mode),
            parameters[ParameterNames.State]);
    }

    public override string ToString() => $"return address by {(IsForm ? "form" : "query")}{(IsJwt ? ", signed" : "")}";

    // Read roughly: whether the scope is well-formed is asked once errors have somewhere to go.
    private static bool AsksForOpenId(Parameters parameters) =>
        parameters.All(ParameterNames.Scope).Any(scope => scope.Split(' ').Contains(Scopes.OpenId));
}

/// <summary>How answers travel to the client.</summary>
internal static class ResponseModes
{
    /// <summary>In the query of the redirect URI (OAuth 2.0 Multiple Response Type Encoding Practices section 2.1).</summary>
    public const string Query = "query";

    /// <summary>As a form that the browser posts (OAuth 2.0 Form Post Response Mode).</summary>
    public const string FormPost = "form_post";

    /// <summary>Signed, the usual way for the response type: for <c>code</c> in the query (JARM section 2.3.4).</summary>
    public const string Jwt = "jwt";

    /// <summary>Signed, in the query (JARM section 2.3.1).</summary>
    public const string QueryJwt = "query.jwt";

    /// <summary>Signed, as a form that the browser posts (JARM section 2.3.3).</summary>
    public const string FormPostJwt = "form_post.jwt";

    /// <summary>All there are. Fragments are for scripts that take tokens from them, and no token is ever given from here: no <c>fragment.jwt</c>.</summary>
    public static IReadOnlyList<string> Supported { get; } = [Query, FormPost, Jwt, QueryJwt, FormPostJwt];

    /// <summary>Those whose answer is a signed JWT.</summary>
    public static IReadOnlyList<string> Signed { get; } = [Jwt, QueryJwt, FormPostJwt];
}
