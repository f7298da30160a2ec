use super::*;

fn run(farm: &mut Farm, seconds: usize) {
    for _ in 0..seconds {
        farm.step(1.0);
    }
}

fn figures(farms: &[Farm]) -> Vec<f64> {
    farms.iter().flat_map(|farm| farm.turbines()).map(|turbine| turbine.power).collect()
}

#[test]
fn the_same_seed_gives_the_same_plant() {
    let company = Company::default();
    let (mut one, mut two) = (company.farms(), company.farms());
    for farm in one.iter_mut().chain(&mut two) {
        run(farm, 100);
    }
    assert_eq!(figures(&one), figures(&two));
    assert_ne!(figures(&one), figures(&Company { seed: 8, ..company }.farms()));
}

#[test]
fn turbines_are_shared_out_and_numbered_through() {
    for (turbines, rows) in
        [(1, vec![1]), (4, vec![2, 2]), (12, vec![3, 3, 3, 3]), (7, vec![3, 1, 3])]
    {
        let farms = Company { turbines, seed: 1 }.farms();
        let sizes: Vec<usize> =
            farms.iter().flat_map(|farm| &farm.rows).map(|row| row.turbines.len()).collect();
        assert_eq!(sizes, rows);
        let last = farms.iter().flat_map(|farm| farm.turbines()).last().unwrap();
        assert_eq!(last.name, format!("T{turbines:02}"));
    }
    assert!(Company { turbines: 0, seed: 1 }.farms().is_empty());
}

#[test]
fn an_hour_of_wind_keeps_everything_within_reason() {
    for seed in 0..20 {
        for mut farm in (Company { turbines: 6, seed }).farms() {
            let mut ran = false;
            for _ in 0..3_600 {
                farm.step(1.0);
                for turbine in farm.turbines() {
                    ran |= turbine.state == State::Running;
                    assert!((0.0..45.0).contains(&turbine.wind_speed), "{turbine:?}");
                    assert!(
                        (0.0..=turbine.rated_power * 1.001).contains(&turbine.power),
                        "{turbine:?}"
                    );
                    assert!((35.0..90.0).contains(&turbine.gearbox.oil_temperature), "{turbine:?}");
                    assert!((0.0..1_700.0).contains(&turbine.generator.speed), "{turbine:?}");
                }
            }
            assert!(ran, "seed {seed} never runs");
        }
    }
}

#[test]
fn a_hot_gearbox_stops_its_turbine_until_it_has_cooled() {
    let mut farms = Company::default().farms();
    let farm = &mut farms[0];
    assert!(farm.set_gearbox_hot("T02", true) && !farm.set_gearbox_hot("T99", true));
    let state = |farm: &Farm| farm.turbines().nth(1).unwrap().state;
    run(farm, 120);
    assert_eq!(state(farm), State::Stopped);
    assert_ne!(farm.turbines().next().unwrap().state, State::Stopped);
    farm.set_gearbox_hot("T02", false);
    run(farm, 600);
    assert_ne!(state(farm), State::Stopped);
}

/// Its oil came to rest right below what stops the turbine.
#[test]
fn a_hot_gearbox_stops_its_turbine_without_wind_too() {
    let mut farms = Company::default().farms();
    assert!(farms[0].set_gearbox_hot("T01", true));
    let turbine = &mut farms[0].rows[0].turbines[0];
    for _ in 0..600 {
        turbine.step(0.0, 0.0, 1.0);
    }
    assert_eq!(turbine.state, State::Stopped);
}

/// The first turbine, in a wind that gives it all its power.
fn windy(seconds: usize, turbine: &mut Turbine) {
    for _ in 0..seconds {
        turbine.step(20.0, 0.0, 1.0);
    }
}

fn first() -> Turbine {
    let mut turbine = Company::default().farms()[0].rows[0].turbines[0].clone();
    windy(600, &mut turbine);
    turbine
}

#[test]
fn orders_hold_after_a_lag_and_within_the_machine_s_limits() {
    let mut turbine = first();
    let full = turbine.power;
    assert!(full > 0.99 * turbine.rated_power);
    for wrong in [-0.5, 90.5, f64::NAN, f64::INFINITY] {
        assert!(!turbine.controller.take(Order::PitchLimit(wrong)), "{wrong}");
    }
    assert!(turbine.controller.take(Order::PitchLimit(10.0)));
    assert!(turbine.controller.take(Order::PitchLimit(45.0)));
    assert!(turbine.controller.take(Order::Derate(true)));
    turbine.step(20.0, 0.0, 0.5);
    assert_eq!((turbine.controller.pitch_limit, turbine.controller.derated), (0.0, false));
    turbine.step(20.0, 0.0, 0.5);
    assert_eq!((turbine.controller.pitch_limit, turbine.controller.derated), (45.0, true));
    assert!(turbine.power > 0.8 * full, "the machine follows slower than its controller");
    windy(60, &mut turbine);
    assert!((turbine.power - 0.5 * full).abs() < 0.01 * full && turbine.pitch > 44.0);
    turbine.controller.take(Order::PitchLimit(90.0));
    windy(60, &mut turbine);
    assert!(turbine.power < 0.01 * full);
    turbine.controller.take(Order::PitchLimit(0.0));
    turbine.controller.take(Order::Derate(false));
    windy(60, &mut turbine);
    assert!(turbine.power > 0.99 * full);
}

#[test]
fn a_hot_gearbox_cools_when_it_is_derated_in_time() {
    let mut turbine = first();
    turbine.gearbox.hot = true;
    while turbine.gearbox.oil_temperature < 85.0 {
        windy(1, &mut turbine);
    }
    turbine.controller.take(Order::Derate(true));
    let mut highest = turbine.gearbox.oil_temperature;
    for _ in 0..120 {
        windy(1, &mut turbine);
        highest = highest.max(turbine.gearbox.oil_temperature);
        assert_eq!(turbine.state, State::Running);
    }
    assert!(highest < 94.0 && turbine.gearbox.oil_temperature < 75.0, "{highest}, {turbine:?}");
    turbine.controller.take(Order::Derate(false));
    windy(60, &mut turbine);
    assert_eq!(turbine.state, State::Stopped);
}

#[test]
fn a_reset_starts_a_turbine_whose_oil_is_no_longer_too_hot() {
    let mut turbine = first();
    turbine.gearbox.hot = true;
    while turbine.state != State::Stopped {
        windy(1, &mut turbine);
    }
    turbine.controller.take(Order::Reset);
    windy(2, &mut turbine);
    assert_eq!(turbine.state, State::Stopped, "the oil is too hot");
    turbine.gearbox.hot = false;
    while turbine.gearbox.oil_temperature > 80.0 {
        windy(1, &mut turbine);
    }
    assert_eq!(turbine.state, State::Stopped);
    turbine.controller.take(Order::Reset);
    windy(1, &mut turbine);
    assert_eq!(turbine.state, State::Running);
}

#[test]
fn a_turbine_that_does_not_obey_takes_no_order() {
    let mut farms = Company::default().farms();
    let farm = &mut farms[0];
    assert!(farm.tell("Row 1", "T01", Order::Derate(true)));
    assert!(
        !farm.tell("Row 2", "T01", Order::Derate(true)) && !farm.tell("Row 1", "T99", Order::Reset)
    );
    assert!(farm.set_obedience("T01", Obedience::Ignores));
    assert!(!farm.tell("Row 1", "T01", Order::Derate(false)));
    run(farm, 5);
    assert!(farm.turbines().next().unwrap().controller.derated, "what it took before holds");
    assert!(
        farm.set_obedience("T01", Obedience::Obeys) && !farm.set_obedience("T99", Obedience::Obeys)
    );
    assert!(farm.tell("Row 1", "T01", Order::Derate(false)));
}
