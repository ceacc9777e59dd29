using Latchkey.Protocol;
using Latchkey.Protocol.Messages;
using Latchkey.Protocol.Names;
using Latchkey.Server.Authorize;
using Latchkey.Server.ClientAuthentication;
using Latchkey.Server.Configuration;
using Latchkey.Server.Hosting;
using Latchkey.Server.SenderConstraint;
using Latchkey.Storage;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.PushedAuthorization;

/// <summary>
/// The pushed authorization request endpoint, RFC 9126: the client sends its request itself and proves who it is, and the browser brings no more than a
/// reference. What is wrong with the request is found here, by the same judge as at the authorization endpoint.
/// </summary>
internal sealed class PushedAuthorizationEndpoint(
    ConfigurationSource configurations, ClientAuthenticator authenticator, AuthorizationRequests requests, SenderConstraints constraints, Database database,
    Auditor auditor, ServerOptions options)
{
    // What proves the client is no part of the request, and a secret is never stored.
    private static readonly string[] Credentials = [ParameterNames.ClientSecret, ParameterNames.ClientAssertion, ParameterNames.ClientAssertionType];

    /// <summary>Answers <c>POST /par</c>.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        // 1. The form, and who asks: as at the token endpoint (section 2.1).
        var configuration = configurations.Current;
        if ((await RequestForm.ReadAsync(context).ConfigureAwait(false)).Refused(out var error, out var form))
        {
            await context.WriteErrorAsync(error).ConfigureAwait(false);
            return;
        }

        if ((await authenticator.AuthenticateAsync(context, form, configuration).ConfigureAwait(false)).Refused(out error, out var client))
        {
            await authenticator.WriteFailureAsync(context, error).ConfigureAwait(false);
            return;
        }

        // 2. Is the request right in everything?
        var audit = auditor.Event(context, AuditEvents.AuthorizationRefused) with { Actor = client.Id, ClientId = client.Id, Outcome = AuditOutcomes.Refused };
        if ((await requests.ReadPushedAsync(context, RequestOf(form, client), client, configuration).ConfigureAwait(false)).Refused(out error, out var request))
        {
            await RefuseAsync(context, audit, error).ConfigureAwait(false);
            return;
        }

        // 3. Is its code to be bound to a key? A proof here is as good as dpop_jkt (RFC 9449 section 10.1).
        if ((await constraints.PushedKeyAsync(context, client, request.Received.Parameters, configuration).ConfigureAwait(false)).Refused(out error, out var thumbprint))
        {
            await RefuseAsync(context, audit, error).ConfigureAwait(false);
            return;
        }

        // 4. It waits for its browser; the row knows the reference only by its hash.
        var reference = PushedReference.New();
        var expires = audit.At + (long)options.PushedRequestLifetime.TotalMilliseconds;
        var row = new PushedRequest
        {
            Id = PushedRequests.Hash(reference),
            ClientId = client.Id,
            Parameters = WithKey(request.Received.Parameters, thumbprint).Encode(),
            Signed = request.Received.IsSigned,
            ExpiresAt = expires,
            KeptUntil = expires + (long)options.InteractionLifetime.TotalMilliseconds,
        };
        await database.WriteAsync(async sql =>
        {
            await PushedRequests.InsertAsync(sql, row).ConfigureAwait(false);
            return true;
        }).ConfigureAwait(false);

        context.NoStore();
        context.Response.StatusCode = StatusCodes.Status201Created;
        await context.WriteJsonAsync(
            new PushedAuthorizationResponse(reference, (int)options.PushedRequestLifetime.TotalSeconds), MessagesJson.Default.PushedAuthorizationResponse)
            .ConfigureAwait(false);
    }

    private Task RefuseAsync(HttpContext context, AuditEvent audit, OAuthError error)
    {
        auditor.Note(audit with { Detail = $$"""{"error":"{{error.Code}}","pushed":true}""" });
        return context.WriteErrorAsync(error);
    }

    private static Parameters WithKey(Parameters parameters, string thumbprint) => thumbprint == SenderConstraints.NoKey
        ? parameters
        : Parameters.From(parameters.Pairs.Where(pair => pair.Key != ParameterNames.DPoPKeyThumbprint).Append(new(ParameterNames.DPoPKeyThumbprint, thumbprint)));

    // A client that authenticates by the header need not name itself in the form.
    private static Parameters RequestOf(Parameters form, Client client) => Parameters.From(
        form.Pairs.Where(pair => !Credentials.Contains(pair.Key) && pair.Key != ParameterNames.ClientId).Prepend(new(ParameterNames.ClientId, client.Id)));
}
