using System.Buffers.Text;
using System.Text;
using Latchkey.Protocol;
using Latchkey.Protocol.Names;
using Latchkey.Server.Configuration;
using Latchkey.Server.Fetching;
using Latchkey.Server.PushedAuthorization;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Authorize;

/// <summary>
/// Takes authorization requests by every way they come: the parameters themselves, a reference to what the client pushed (RFC 9126), or a request object
/// that it signed (RFC 9101). Whatever the way, <see cref="AuthorizationRequestReader"/> judges what it led to.
/// </summary>
internal sealed class AuthorizationRequests(AuthorizationRequestReader reader, RequestObjects objects, DocumentFetcher fetcher, Database database, TimeProvider clock)
{
    /// <summary>A request that a browser brings.</summary>
    public async ValueTask<AuthorizationRequestOutcome> ReadAsync(HttpContext context, Parameters parameters, ServerConfiguration configuration)
    {
        if (parameters[ParameterNames.RequestUri] is { } reference && PushedReference.Is(reference))
            return await ReadReferenceAsync(context, parameters, reference, configuration).ConfigureAwait(false);
        if (parameters[ParameterNames.Request] is not null || parameters[ParameterNames.RequestUri] is not null)
            return await ReadObjectAsync(context, parameters, configuration).ConfigureAwait(false);
        return await reader.ReadAsync(context, new(parameters), configuration).ConfigureAwait(false);
    }

    /// <summary>A request that its client pushes; every error is the client's own to read (RFC 9126 section 2.3).</summary>
    public async ValueTask<Result<AuthorizationRequest>> ReadPushedAsync(
        HttpContext context, Parameters parameters, Client client, ServerConfiguration configuration)
    {
        if (parameters[ParameterNames.RequestUri] is not null)
            return OAuthError.InvalidRequest("A pushed request can't have a request_uri; send the parameters themselves, or a request object in request (RFC 9126 section 2.1).");

        var received = new ReceivedRequest(parameters) { Pushed = "" };
        if (parameters[ParameterNames.Request] is { } text)
        {
            // What stands beside the object does not count (section 3).
            if ((await objects.OpenAsync(text, client, configuration).ConfigureAwait(false)).Refused(out var fault, out var signed)) return fault;
            received = new(signed) { Pushed = "", IsSigned = true };
        }

        return await reader.ReadAsync(context, received, configuration).ConfigureAwait(false) switch
        {
            AuthorizationRequestOutcome.Right(var request) => request,
            AuthorizationRequestOutcome.Refused(_, _, var error) => error,
            AuthorizationRequestOutcome.Unproven(var error, _) => error,
            _ => throw new InvalidOperationException($"An outcome for {client} is neither right nor refused."),
        };
    }

    /// <summary>A request that waited for a person, judged anew.</summary>
    public async ValueTask<AuthorizationRequestOutcome> ReadAsync(HttpContext context, Interaction interaction, ServerConfiguration configuration)
    {
        if (interaction.Pushed is not { } pushed)
            return await reader.ReadAsync(context, new(Parameters.Parse(interaction.Parameters)) { IsSigned = interaction.IsSigned }, configuration).ConfigureAwait(false);
        return await FindAsync(Base64Url.DecodeFromChars(pushed)).ConfigureAwait(false) is { } row
            ? await reader.ReadAsync(context, Received(row), configuration).ConfigureAwait(false)
            : new AuthorizationRequestOutcome.Unproven(Answered, null);
    }

    /// <summary>
    /// Uses a request up before it is answered: a pushed one leads to one answer, however often its page was loaded (RFC 9126 section 7.3).
    /// </summary>
    /// <returns>False if it led to an answer before.</returns>
    public async ValueTask<bool> UseUpAsync(AuthorizationRequest request) =>
        request.Received.Pushed is not { } pushed
        || await database.WriteAsync(sql => PushedRequests.UseAsync(sql, Base64Url.DecodeFromChars(pushed))).ConfigureAwait(false);

    /// <summary>What a request gets that led to an answer before.</summary>
    public static OAuthError Answered => OAuthError.InvalidRequestUri("The request_uri has led to an answer already; push the request again.");

    private async ValueTask<AuthorizationRequestOutcome> ReadReferenceAsync(
        HttpContext context, Parameters parameters, string reference, ServerConfiguration configuration)
    {
        // Only client_id and request_uri count (RFC 9126 section 4); the rest of the query says nothing.
        if ((await reader.FindClientAsync(context, parameters, configuration).ConfigureAwait(false)).Refused(out var unknown, out var client))
            return new AuthorizationRequestOutcome.Unproven(unknown, null);
        if (parameters.All(ParameterNames.RequestUri).Count > 1 || parameters[ParameterNames.Request] is not null)
            return new AuthorizationRequestOutcome.Unproven(OAuthError.InvalidRequest("There is more than one request; send one request_uri and no request."), client);
        var row = await FindAsync(PushedRequests.Hash(reference)).ConfigureAwait(false);
        // One answer for all: nobody learns whether another client's reference exists.
        if (row is null || row.ClientId != client.Id || clock.GetUtcNow().ToUnixTimeMilliseconds() >= row.ExpiresAt)
            return new AuthorizationRequestOutcome.Unproven(NotGood, client);
        return await reader.ReadAsync(context, Received(row), configuration).ConfigureAwait(false);
    }

    // An error about the object goes where the parameters beside it prove that it may; what an object says that is not good counts for nothing.
    private async ValueTask<AuthorizationRequestOutcome> ReadObjectAsync(HttpContext context, Parameters parameters, ServerConfiguration configuration)
    {
        if (parameters.Malformed is { } malformed) return new AuthorizationRequestOutcome.Unproven(OAuthError.InvalidRequest(malformed), null);
        if ((await reader.FindClientAsync(context, parameters, configuration).ConfigureAwait(false)).Refused(out var unknown, out var client))
            return new AuthorizationRequestOutcome.Unproven(unknown, null);
        if (parameters.All(ParameterNames.Request).Count + parameters.All(ParameterNames.RequestUri).Count > 1)
            return Refuse(parameters, client, OAuthError.InvalidRequest("There is more than one request; send one request or one request_uri."));
        if (parameters[ParameterNames.Request] is not { } text)
        {
            if ((await FetchAsync(parameters[ParameterNames.RequestUri]!, client).ConfigureAwait(false)).Refused(out var absent, out text)) return Refuse(parameters, client, absent);
        }

        // OpenID Connect lets an unsigned object be answered as one that is not supported; so is one of a client that has no key to sign with.
        if (client.Metadata is { Jwks: null, JwksUri: null } || RequestObjects.IsUnsigned(text))
        {
            return Refuse(parameters, client, OAuthError.RequestNotSupported(
                "Only request objects are taken that the client signed with a key of its registered jwks or jwks_uri; sign it, or send the parameters themselves."));
        }

        return (await objects.OpenAsync(text, client, configuration).ConfigureAwait(false)).Refused(out var fault, out var signed)
            ? Refuse(parameters, client, fault)
            : await reader.ReadAsync(context, new(signed) { IsSigned = true }, configuration).ConfigureAwait(false);
    }

    // Only from where the client said beforehand that its objects are (RFC 9101 section 10.4.1), by the one door through which the server fetches anything.
    private async ValueTask<Result<string>> FetchAsync(string uri, Client client)
    {
        if (client.IsSelfRegistered || client.Metadata.RequestUris is not { Count: > 0 } registered)
            return OAuthError.RequestUriNotSupported("The client has no request_uris registered; register them, push the request, or send it in request.");
        if (!registered.Contains(uri)) return OAuthError.InvalidRequestUri("The request_uri is not one of those registered for the client; it is compared character by character.");
        return await fetcher.FetchAsync(uri, Reach.Declared, ObjectRules).ConfigureAwait(false) switch
        {
            FetchOutcome.Document document => Encoding.ASCII.GetString(document.Body.Span).Trim(),
            FetchOutcome.Failed failed => OAuthError.InvalidRequestUri($"The request_uri {failed.Reason.Replace('"', ' ').Replace('\\', ' ')}."),
            _ => throw new InvalidOperationException("A fetch is neither a document nor failed."),
        };
    }

    private static FetchRules ObjectRules { get; } = new()
    {
        MaximumSize = 48 * 1024,
        IsMediaType = type => type is "application/oauth-authz-req+jwt" or "application/jwt",
        Accept = "application/oauth-authz-req+jwt, application/jwt",
    };

    private static AuthorizationRequestOutcome Refuse(Parameters parameters, Client client, OAuthError error) =>
        ReturnAddress.Prove(client, parameters).Succeeded(out var address, out _)
            ? new AuthorizationRequestOutcome.Refused(address, client, error)
            : new AuthorizationRequestOutcome.Unproven(error, client);

    private static OAuthError NotGood =>
        OAuthError.InvalidRequestUri("The request_uri is unknown, expired, used, or another client's; push the request again.");

    private ValueTask<PushedRequest?> FindAsync(byte[] id) => database.ReadAsync(sql => PushedRequests.FindAsync(sql, id));

    private static ReceivedRequest Received(PushedRequest row) =>
        new(Parameters.Parse(row.Parameters)) { Pushed = Base64Url.EncodeToString(row.Id), IsSigned = row.Signed };
}
