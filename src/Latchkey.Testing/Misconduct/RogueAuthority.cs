using System.Text.Json.Nodes;
using Latchkey.Testing.Tokens;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Testing.Misconduct;

/// <summary>
/// An authority that means harm, or is badly broken, in all its answers until <see cref="Reform"/>: what clients must not fall for. Everything not
/// changed here stays right, so that only one thing is wrong at a time. Thread-safe.
/// </summary>
public sealed class RogueAuthority
{
    private readonly TestAuthority _authority;
    private readonly Lock _lock = new();
    private readonly List<Action<Exchange, string>> _changes = [];
    private Func<Exchange, string, bool>? _instead;

    internal RogueAuthority(TestAuthority authority) => _authority = authority;

    /// <summary>Other metadata.</summary>
    /// <param name="change">Changes the document.</param>
    public RogueAuthority Metadata(Action<JsonObject> change) => Json(IsMetadata, change);

    /// <summary>The metadata names another issuer (RFC 8414 section 3.3).</summary>
    /// <param name="issuer">The <c>issuer</c>.</param>
    public RogueAuthority IssuerInMetadata(string issuer) => Metadata(metadata => metadata["issuer"] = issuer);

    /// <summary>Another JWKS.</summary>
    /// <param name="change">Changes the document.</param>
    public RogueAuthority Jwks(Action<JsonObject> change) => Json(path => path == "/.well-known/jwks.json", change);

    /// <summary>Other answers of <c>/token</c>.</summary>
    /// <param name="change">Changes a successful answer.</param>
    public RogueAuthority TokenResponse(Action<JsonObject> change) => Json(path => path == "/token", change);

    /// <summary>Other answers of <c>/userinfo</c>.</summary>
    /// <param name="change">Changes a successful answer.</param>
    public RogueAuthority UserInfo(Action<JsonObject> change) => Json(path => path == "/userinfo", change);

    /// <summary>Other answers of any endpoint.</summary>
    /// <param name="path">Below the issuer, such as <c>/introspect</c>.</param>
    /// <param name="change">Changes a successful answer.</param>
    public RogueAuthority Answer(string path, Action<JsonObject> change) => Json(each => each == path, change);

    /// <summary>Other ID tokens: the server's own, spoiled with a word of <see cref="TokenBuilder"/>.</summary>
    /// <param name="spoil">Such as <c>token => token.AlgNone()</c>.</param>
    public RogueAuthority IdToken(Func<TokenBuilder, TokenBuilder> spoil) => Token("id_token", spoil);

    /// <summary>Other access tokens: the server's own, spoiled with a word of <see cref="TokenBuilder"/>.</summary>
    /// <param name="spoil">Such as <c>token => token.WrongAudience()</c>.</param>
    public RogueAuthority AccessToken(Func<TokenBuilder, TokenBuilder> spoil) => Token("access_token", spoil);

    /// <summary>ID tokens with a signature of nobody's key under the right <c>kid</c>.</summary>
    public RogueAuthority ForgedIdTokens() => IdToken(token => token.ForgedKey());

    /// <summary>Other authorization responses, by redirect or form.</summary>
    /// <param name="change">Changes the parameters, such as <c>state</c>; one that is taken out is not sent.</param>
    public RogueAuthority Callback(Action<IDictionary<string, string>> change) => Add((exchange, _) => AuthorizationAnswers.Change(exchange, _authority.Issuer, change));

    /// <summary>Authorization responses with another <c>iss</c> (RFC 9207 section 2.4).</summary>
    /// <param name="issuer">The <c>iss</c>; null for none.</param>
    public RogueAuthority IssuerInCallback(string? issuer) => Callback(parameters =>
    {
        if (issuer is null) parameters.Remove("iss");
        else parameters["iss"] = issuer;
    });

    /// <summary>
    /// The mix-up attack (RFC 9700 section 4.4): people who were sent here are sent on to an honest authority, whose code the client then redeems here.
    /// </summary>
    /// <param name="honest">The other authority.</param>
    /// <param name="clientId">The client's id there; the same as here if null.</param>
    public RogueAuthority MixUp(TestAuthority honest, string? clientId = null)
    {
        ArgumentNullException.ThrowIfNull(honest);
        // What is pushed here can't be sent on: the attacker offers no such thing.
        Metadata(metadata => metadata.Remove("pushed_authorization_request_endpoint"));
        return Instead((exchange, path) =>
        {
            if (path != "/authorize" || !HttpMethods.IsGet(exchange.Request.Method)) return false;
            var query = exchange.Request.Query.ToDictionary(pair => pair.Key, pair => pair.Value.ToString());
            if (clientId is not null) query["client_id"] = clientId;
            exchange.Response.Headers.Location = honest.Options.Endpoint("/authorize") + QueryString.Create(query.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value)));
            exchange.AnswerAsync(302, null, "");
            return true;
        });
    }

    /// <summary>Every poll of a device is answered <c>slow_down</c> (RFC 8628 section 3.5).</summary>
    public RogueAuthority EndlessSlowDown() => EveryPoll("slow_down");

    /// <summary>Every poll of a device is answered <c>authorization_pending</c>.</summary>
    public RogueAuthority EndlessPending() => EveryPoll("authorization_pending");

    /// <summary>Is honest again.</summary>
    public void Reform()
    {
        lock (_lock)
        {
            _changes.Clear();
            _instead = null;
        }

        _authority.Faults.Clear("/token");
    }

    internal static bool IsMetadata(string path) =>
        path.StartsWith("/.well-known/openid-configuration", StringComparison.Ordinal) || path.StartsWith("/.well-known/oauth-authorization-server", StringComparison.Ordinal);

    internal bool AnswerInstead(Exchange exchange, string path)
    {
        Func<Exchange, string, bool>? instead;
        lock (_lock) instead = _instead;
        return instead?.Invoke(exchange, path) == true;
    }

    internal void Spoil(Exchange exchange, string path)
    {
        List<Action<Exchange, string>> changes;
        lock (_lock) changes = [.. _changes];
        foreach (var change in changes) change(exchange, path);
    }

    private RogueAuthority EveryPoll(string error)
    {
        _authority.Faults.NextGrant("urn:ietf:params:oauth:grant-type:device_code", AuthorityFault.OAuthError(error), int.MaxValue);
        return this;
    }

    private RogueAuthority Token(string member, Func<TokenBuilder, TokenBuilder> spoil) => TokenResponse(answer =>
    {
        if ((string?)answer[member] is { } token) answer[member] = spoil(TokenBuilder.From(_authority, token)).Sign();
    });

    private RogueAuthority Json(Func<string, bool> at, Action<JsonObject> change) => Add((exchange, path) =>
    {
        if (at(path)) exchange.ChangeJson(change);
    });

    private RogueAuthority Add(Action<Exchange, string> change)
    {
        lock (_lock) _changes.Add(change);
        return this;
    }

    private RogueAuthority Instead(Func<Exchange, string, bool> answer)
    {
        lock (_lock) _instead = answer;
        return this;
    }
}
