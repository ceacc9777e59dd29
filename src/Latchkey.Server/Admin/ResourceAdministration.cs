using Latchkey.Protocol.Messages;
using Latchkey.Server.Profiles;
using Latchkey.Storage;

namespace Latchkey.Server.Admin;

/// <summary>What an operator does with resources (APIs). Every change is judged by the same rules as a declared one, and audited.</summary>
/// <param name="database">Where the resources are kept.</param>
/// <param name="clock">The time.</param>
/// <param name="actor">Who does it, for the audit, such as <c>cli</c>.</param>
public sealed class ResourceAdministration(Database database, TimeProvider clock, string actor)
{
    /// <summary>Every resource, by identifier.</summary>
    /// <exception cref="DatabaseUnavailableException">The database can't be reached.</exception>
    public ValueTask<List<ResourceMetadata>> ListAsync() => database.ReadAsync(Resources.ListAsync);

    /// <summary>One resource.</summary>
    /// <exception cref="AdministrationException">There is no such resource.</exception>
    public async ValueTask<ResourceMetadata> FindAsync(string resource) =>
        (await ListAsync().ConfigureAwait(false)).Find(known => known.Resource == resource) ?? throw Missing(resource);

    /// <summary>Makes a resource.</summary>
    /// <exception cref="AdministrationException">The metadata breaks a rule, or the identifier is taken; nothing was changed.</exception>
    public Task CreateAsync(ResourceMetadata metadata) => WriteAsync(async (sql, all, audit) =>
    {
        if (all.Exists(known => known.Resource == metadata.Resource))
            throw new AdministrationException($"There is a resource {metadata.Resource} already; change it with resource update.");
        Judge(metadata, all);
        await JudgeAmongAsync(sql, metadata).ConfigureAwait(false);
        await SaveAsync(sql, metadata, isNew: true, audit).ConfigureAwait(false);
        return metadata;
    });

    /// <summary>Changes a resource's metadata.</summary>
    /// <param name="resource">Which.</param>
    /// <param name="change">The new metadata from the old; the identifier stays.</param>
    /// <returns>The resource as it is kept now.</returns>
    /// <exception cref="AdministrationException">There is no such resource, or the metadata would break a rule; nothing was changed.</exception>
    public Task<ResourceMetadata> UpdateAsync(string resource, Func<ResourceMetadata, ResourceMetadata> change) => WriteAsync(async (sql, all, audit) =>
    {
        var metadata = change(all.Find(known => known.Resource == resource) ?? throw Missing(resource)) with { Resource = resource };
        Judge(metadata, all);
        await JudgeAmongAsync(sql, metadata).ConfigureAwait(false);
        await SaveAsync(sql, metadata, isNew: false, audit).ConfigureAwait(false);
        return metadata;
    });

    /// <summary>Deletes a resource; its scopes can't be asked for any more.</summary>
    /// <exception cref="AdministrationException">There is no such resource.</exception>
    public Task DeleteAsync(string resource) => WriteAsync(async (sql, _, audit) =>
    {
        if (!await Resources.DeleteAsync(sql, resource).ConfigureAwait(false)) throw Missing(resource);
        await AuditLog.AppendAsync(sql, audit with { Event = AuditEvents.ResourceDeleted, Detail = AdminDetail.Of("deleted", ("resource", resource)) }).ConfigureAwait(false);
        return resource;
    });

    /// <summary>Writes a resource and its audit event inside the caller's transaction.</summary>
    internal static async ValueTask SaveAsync(SqlSession sql, ResourceMetadata metadata, bool isNew, AuditEvent audit)
    {
        await Resources.SaveAsync(sql, metadata, audit.At).ConfigureAwait(false);
        await AuditLog.AppendAsync(sql, audit with
        {
            Event = AuditEvents.ResourceChanged,
            Detail = AdminDetail.Of(isNew ? "created" : "updated", ("resource", metadata.Resource)),
        }).ConfigureAwait(false);
    }

    private static void Judge(ResourceMetadata metadata, List<ResourceMetadata> all)
    {
        if ((ResourceRules.Fault(metadata) ?? ResourceRules.FaultAmong(metadata, all)) is { } fault)
            throw new AdministrationException($"The resource can't be so: {fault}");
    }

    // Clients with a profile of their own can get tokens for it.
    private static async ValueTask JudgeAmongAsync(SqlSession sql, ResourceMetadata metadata)
    {
        var clients = (await Clients.ListAsync(sql).ConfigureAwait(false)).ConvertAll(row => row.Metadata);
        if (ProfileCheck.Resource(metadata, ProfileCheck.NoProfile, clients).FirstOrDefault(finding => finding.Severity == Severity.Error) is { } finding)
            throw new AdministrationException($"The resource can't be so: {finding.ToSentence()}");
    }

    private static AdministrationException Missing(string resource) => new($"There is no resource {resource}; see latchkey resource list.");

    private async Task<T> WriteAsync<T>(Func<SqlSession, List<ResourceMetadata>, AuditEvent, ValueTask<T>> write)
    {
        var audit = new AuditEvent { At = clock.GetUtcNow().ToUnixTimeMilliseconds(), Event = "", Actor = actor };
        return await database.WriteAsync(async sql =>
        {
            await ConfigurationVersion.LockAsync(sql).ConfigureAwait(false);
            return await write(sql, await Resources.ListAsync(sql).ConfigureAwait(false), audit).ConfigureAwait(false);
        }).ConfigureAwait(false);
    }
}
