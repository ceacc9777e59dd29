using Latchkey.Protocol;
using Latchkey.Server.Registration;
using Microsoft.AspNetCore.Http;

namespace Latchkey.Server.Configuration;

/// <summary>
/// Finds the client of an id, wherever it comes from: declared ones in the node's configuration at no cost, registered ones in the database, and
/// those whose id is a URL at that URL.
/// </summary>
internal sealed class ClientDirectory(MetadataDocuments documents, RegisteredClientSource registered)
{
    /// <summary>No client has the id. The very same instance each time, so that callers can put their own words in its place.</summary>
    public static OAuthError Unknown { get; } = OAuthError.InvalidClient("There is no client of this client_id.");

    /// <summary>Finds a client that asks for something now.</summary>
    /// <param name="clientId">The id as it was sent.</param>
    /// <param name="configuration">The configuration that the whole request is judged by.</param>
    /// <param name="context">The request, for who makes the server fetch.</param>
    /// <returns>
    /// The client; <see cref="Unknown"/>; <c>invalid_client</c> for a metadata document that is not there or not right, and for a client that breaks its
    /// profile; or <c>temporarily_unavailable</c> for a document that can't be had now.
    /// </returns>
    public ValueTask<Result<Client>> FindAsync(string clientId, ServerConfiguration configuration, HttpContext context) =>
        configuration.FindClient(clientId) is { } declared ? new(Judged(declared))
        : documents.Takes(clientId) ? FindDocumentAsync(clientId, configuration, context)
        : RegisteredClientSource.IsId(clientId) ? FindRegisteredAsync(clientId, configuration)
        : new(Unknown);

    /// <summary>Finds a client for showing it, or for what it was given earlier: nothing is fetched. Null if it is gone.</summary>
    public ValueTask<Client?> FindKnownAsync(string? clientId, ServerConfiguration configuration) =>
        clientId is null ? default
        : configuration.FindClient(clientId) is { } declared ? new(declared)
        : documents.Takes(clientId) ? documents.FindKnownAsync(clientId, configuration)
        : RegisteredClientSource.IsId(clientId) ? registered.FindAsync(clientId, configuration)
        : default;

    /// <summary>Finds several, leaving out those that are gone.</summary>
    public async ValueTask<List<Client>> FindKnownAsync(IEnumerable<string> clientIds, ServerConfiguration configuration)
    {
        var found = new List<Client>();
        foreach (var id in clientIds)
        {
            if (await FindKnownAsync(id, configuration).ConfigureAwait(false) is { } client) found.Add(client);
        }

        return found;
    }

    private async ValueTask<Result<Client>> FindRegisteredAsync(string clientId, ServerConfiguration configuration) =>
        await registered.FindAsync(clientId, configuration).ConfigureAwait(false) is { } client ? Judged(client) : Unknown;

    private async ValueTask<Result<Client>> FindDocumentAsync(string clientId, ServerConfiguration configuration, HttpContext context)
    {
        var found = await documents.FindAsync(clientId, configuration, context).ConfigureAwait(false);
        return found.Succeeded(out var client, out _) ? Judged(client) : found;
    }

    // Half of a profile is none: what a profile can't turn on for a client keeps that client out.
    private static Result<Client> Judged(Client client) =>
        client.Requirements.Unmet is { } unmet ? OAuthError.InvalidClient($"The registration of this client must be mended. {unmet}") : client;
}
