using System.Net;
using Latchkey.Server.Registration;
using Latchkey.Storage;
using Microsoft.Extensions.DependencyInjection;

namespace Latchkey.Reliability.Tests.StoreFaults;

/// <summary>The database fails at the k-th call of a request, for every k: the answer is 503, nothing is half done, and the next try is right.</summary>
public sealed class StoreFaultTests(StoreFaultTests.Servers servers, ITestOutputHelper output) : IClassFixture<StoreFaultTests.Servers>
{
    private const int MostCalls = 20;

    public static TheoryData<string> Names => [.. Scenarios.Names];

    [Theory, MemberData(nameof(Names))]
    public Task At_whatever_call_the_database_fails_the_answer_is_503_and_the_next_try_is_right(string name) => StrikeEachAsync(name);

    [Theory, InlineData("POST /token authorization_code"), InlineData("POST /token refresh_token"), InlineData("POST /token device_code, approved"), InlineData("POST /token ciba, approved")]
    public Task And_so_it_is_on_PostgreSQL(string name) => StrikeEachAsync(name, onPostgres: true);

    [Theory, MemberData(nameof(Names)), LongFaults]
    public Task And_so_it_is_on_PostgreSQL_everywhere(string name) => StrikeEachAsync(name, onPostgres: true);

    [Theory, InlineData("POST /token authorization_code"), InlineData("POST /token device_code, approved"), InlineData("POST /token device_code, pending")]
    public async Task A_database_that_forgets_what_it_acknowledged_is_found_out(string name)
    {
        var server = await servers.StartedAsync(onPostgres: false);
        var found = new List<string>();
        for (var at = 1; at <= MostCalls && await StrikeAsync(server, name, Fault.Forget, at) is { } wrong; at++)
            if (wrong.Length > 0) found.Add(wrong);
        Assert.NotEmpty(found);
    }

    [Fact, Spec("draft-ietf-oauth-status-list", "8.1")]
    public async Task A_status_list_that_is_known_is_given_without_the_database()
    {
        await using var server = await Servers.StartAsync(database: null);
        var database = (FaultyDatabase)server.Services.GetRequiredService<Database>();
        var client = server.Client(DeclaredStates.Machine);
        (await client.ClientCredentialsAsync("api:read")).Expect(HttpStatusCode.OK);
        foreach (var expected in (HttpStatusCode[])[HttpStatusCode.ServiceUnavailable, HttpStatusCode.OK])
        {
            database.Arm(Fault.Before, 1);
            (await client.GetAsync("/status-lists/0")).Expect(expected);
            Assert.True(database.Struck);
            database.Disarm();
            (await client.GetAsync("/status-lists/0")).Expect(HttpStatusCode.OK);
        }
    }

    private async Task StrikeEachAsync(string name, bool onPostgres = false)
    {
        var server = await servers.StartedAsync(onPostgres);
        var calls = 0;
        foreach (var fault in new[] { Fault.Before, Fault.After })
        {
            for (var at = 1; at <= MostCalls && await StrikeAsync(server, name, fault, at) is { } wrong; at++)
            {
                Assert.True(wrong.Length == 0, $"{name}, call {at}, {fault}: {wrong}");
                calls++;
            }
        }

        output.WriteLine($"{name}: {calls} faults");
        Assert.InRange(calls, 1, 2 * MostCalls - 1);
    }

    /// <summary>Lets one request meet a fault.</summary>
    /// <returns>What is wrong, empty if nothing is; null if the request makes fewer calls.</returns>
    private static async Task<string?> StrikeAsync(InProcessServer server, string name, Fault fault, int at)
    {
        var database = (FaultyDatabase)server.Services.GetRequiredService<Database>();
        var attempt = await Scenarios.PrepareAsync(name, server);
        HttpStatusCode status;
        bool wroteNothing, changed;
        using (await database.HoldBackgroundAsync())
        {
            var before = await Scenarios.RowsAsync(database);
            database.Arm(fault, at);
            status = await attempt.Act();
            database.Disarm();
            wroteNothing = database.Committed == 0;
            changed = database.Struck && wroteNothing && await Scenarios.RowsAsync(database) != before;
        }

        var (struck, committed) = (database.Struck, database.StruckWrite && fault != Fault.Before);
        if (!struck) return null;
        if (fault == Fault.Forget)
        {
            // What was acknowledged must be so. Only a write can be forgotten.
            return database.StruckWrite ? await attempt.AfterAsync(true) ?? "" : "";
        }

        if (status != HttpStatusCode.ServiceUnavailable) return $"the answer is {(int)status}";
        if (changed) return "something was written";
        return await attempt.AfterAsync(committed) ?? "";
    }

    /// <summary>One server on each engine for all that are tried in turn.</summary>
    public sealed class Servers(PostgresServer postgres) : IAsyncDisposable
    {
        private InProcessServer? _onSqlite;
        private InProcessServer? _onPostgres;

        public async Task<InProcessServer> StartedAsync(bool onPostgres) => onPostgres
            ? _onPostgres ??= await StartAsync(await postgres.CreateDatabaseAsync())
            : _onSqlite ??= await StartAsync(database: null);

        public static Task<InProcessServer> StartAsync(string? database) => InProcessServer.StartAsync(
            ClientScenarios.State(),
            options => options with { Registration = RegistrationMode.Open },
            configure: builder =>
            {
                builder.Services.AddHttpContextAccessor();
                var known = builder.Services.Last(service => service.ServiceType == typeof(Database));
                builder.Services.AddSingleton<Database>(new FaultyDatabase((Database)known.ImplementationInstance!));
            },
            database: database);

        public async ValueTask DisposeAsync()
        {
            if (_onSqlite is not null) await _onSqlite.DisposeAsync();
            if (_onPostgres is not null) await _onPostgres.DisposeAsync();
        }
    }
}
