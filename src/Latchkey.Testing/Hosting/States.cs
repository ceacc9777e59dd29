using Latchkey.Protocol.Messages;
using Latchkey.Server.Admin;

namespace Latchkey.Testing.Hosting;

/// <summary>Makes declared states of what a test names by types.</summary>
internal static class States
{
    /// <summary>The ready state.</summary>
    public static DeclaredState Ready() => Of(Testing.Ready.Clients(), Testing.Ready.Resources(), Testing.Ready.Users());

    /// <summary>What options add to it; one state for each document and one for what was added by types.</summary>
    public static IEnumerable<DeclaredState> Of(AuthorityOptions options)
    {
        foreach (var json in options.Declared) yield return Checked(DeclaredStateReader.Read(json, "the declared state", [], Environment.GetEnvironmentVariable));
        if (options.Clients.Count + options.Resources.Count + options.Users.Count > 0) yield return Of(options.Clients, options.Resources, options.Users);
    }

    /// <summary>A state of these.</summary>
    /// <exception cref="AdministrationException">One of them breaks a rule.</exception>
    public static DeclaredState Of(
        IEnumerable<(ClientMetadata Metadata, string? Secret)> clients, IEnumerable<ResourceMetadata> resources, IEnumerable<ReadyUser> users) => Checked(new DeclaredState
        {
            Clients = [.. clients.Select(client => new DeclaredClient(client.Metadata, client.Secret, $"client {client.Metadata.ClientId}"))],
            Resources = [.. resources.Select(resource => new DeclaredResource(resource, $"resource {resource.Resource}"))],
            Users = [.. users.Select(user => new DeclaredUser(user.Username, user.Subject, user.Password, user.Claims, $"user {user.Username}"))],
        });

    private static DeclaredState Checked(DeclaredState state)
    {
        state.Check();
        return state;
    }
}
